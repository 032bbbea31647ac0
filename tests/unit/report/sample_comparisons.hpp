#pragma once
#include "result/comparison.hpp"

/// Made-up comparisons, for the tests of the reports.
namespace loadline::samples {

/// Ten pairs; the candidate takes twice as long at p50 and p99, its p99.9 is unanswered as
/// the base's; one segment is invalid.
Comparison failing_gate();
/// The same with control characters, Markdown and HTML in every text from outside.
Comparison hostile_gate();
/// Two runs, of which the second is slower, with two steps.
Comparison stored_warning();
/// Two searches, 5 % apart.
Comparison capacity_drop();

}  // namespace loadline::samples
