#pragma once
#include "result/trial_result.hpp"

/// Results as runs and searches leave them, made of fixed numbers: the reports' tests assert
/// whole texts of them, and the page's tests look at them in a browser.
namespace loadline::samples {

/// A journey of three steps (one of them Redis) at 100/s for 10 s; every SLO holds.
RunResult passing_run();

/// The service froze: unanswered exchanges reach p99.9, one SLO fails, one has too few samples.
RunResult failing_run();

/// A search that confirmed 374 journeys/s, with a timeline over all its probes.
RunResult confirmed_search();

/// The generator was at its limit before the service: no upper bound, no hold.
RunResult limited_search();

/// Nothing but an estimate, of a service on another machine that is overloaded as it is.
RunResult estimated_search();

/// 120 s whose server leaks sockets in CLOSE_WAIT.
RunResult leaking_run();

/// failing_run with names and texts that attack a page and a terminal.
RunResult hostile_run();

/// An hour: 3600 points.
RunResult long_run();

/// Nothing was ever answered.
RunResult unreachable_run();

}  // namespace loadline::samples
