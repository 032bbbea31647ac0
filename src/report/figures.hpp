#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "result/trial_result.hpp"

/// report: a result for one reader. Each report is a function that writes a RunResult to a
/// stream; this header holds the words and figures that several of them print alike.
namespace loadline {

/// The percentiles every report lists, as shares of 1 and as text.
struct LadderRung {
    double quantile;
    const char* text;
};
inline constexpr std::array<LadderRung, 8> ladder{{{0.5, "50 %"},
                                                   {0.75, "75 %"},
                                                   {0.9, "90 %"},
                                                   {0.95, "95 %"},
                                                   {0.99, "99 %"},
                                                   {0.999, "99.9 %"},
                                                   {0.9999, "99.99 %"},
                                                   {0.99999, "99.999 %"}}};

/// All steps that are transactions as one.
StepStats pooled_transactions(const RunResult& result);

/// Every outcome of every step, transaction or not.
std::array<std::uint64_t, outcome_count> all_outcomes(const RunResult& result);

/// The longest time-out of the steps that are transactions: what "unanswered" is above.
Duration timeout_of(const RunResult& result);

/// The steps that reports list, by index into the plan: those of journeys, and those that
/// sent anything (the starts of sessions).
std::vector<std::size_t> listed_steps(const RunResult& result);

/// Journeys that came to an end, per second of the measured window.
double journeys_per_second(const RunResult& result);

/// "8.3 % of a core by the busiest worker (8.3 %, 7.9 %); 0.1 % stolen by the hypervisor"
std::string cpu_text(const GeneratorHealth& health);
/// "64 connections; 85 of 1 048 576 file descriptors; 12 in TIME_WAIT": at most.
std::string sockets_text(const GeneratorHealth& health);

/// "4.12 ms"; "> 10 s" when unanswered ones reach it; "0" stays "0".
std::string latency_text(Duration value, Duration timeout);
/// The same of a percentile; "–" when there are fewer than 1/(1-q) values.
std::string percentile_text(const Histogram& histogram, double quantile, Duration timeout);

/// "10 s", "1.5 s", "1m30s", "250 ms": a round time without the zeros of format_duration.
std::string round_duration(Duration d);
/// "30 017": a count with its thousands apart.
std::string count_text(std::uint64_t count);
/// "498 journeys/s"
std::string rate_text(double per_second, const char* unit);

/// "13 500 requests/s from 2 threads, percentiles within 0.63 % (2026-11-21T13:07:46Z)"
std::string selftest_text(const Selftest& selftest);

/// What was measured, as one judged clause: "41.2 ms", "0.3 %", "> 10 s", "no samples".
std::string actual_text(const ClauseResult& clause);

/// What a socket in CLOSE_WAIT says about the application.
std::string meaning_of(const StuckSocket& socket);
/// Whether the kernel will do what the server forgets: "never reaps it", "may reap it in
/// 1h59m3s"; "goes on sending" until its time-outs, which hide the keep-alive timer.
std::string kernel_text(const StuckSocket& socket);

/// What the watch of the sockets measured beyond its sentence, one fact each: how they grew,
/// how long they stayed, what was left of descriptors and accept queue. Only what was seen.
std::vector<std::pair<std::string, std::string>> socket_facts(const SocketReport& report);

/// The first lines of every report: the word, one sentence why, then what else there is.
struct Headline {
    std::string word;  ///< PASS, FAIL, INVALID, or of a search CONFIRMED, NO-RATE, ...
    VerdictWord tone = VerdictWord::invalid;
    std::string sentence;
    std::vector<std::string> more;
    std::string advice;  ///< of a search: what to do next
};
Headline headline_of(const RunResult& result);

/// Of a search: which of its trials the SLO, percentiles and steps are of, "the hold: 10 s at
/// 374 journeys/s"; empty for a run.
std::string measured_text(const RunResult& result);

/// "60 s at 500 journeys/s (poisson), after 5 s of warm-up": how the load was made.
std::string load_text(const RunResult& result);

/// Where the target and the generator share a machine: what its figures are not. Empty where
/// they do not, and where a search's certificate says it.
std::string topology_note(const RunResult& result);

}  // namespace loadline
