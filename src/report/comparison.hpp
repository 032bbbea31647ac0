#pragma once
#include <iosfwd>
#include <string>

#include "result/comparison.hpp"

namespace loadline {

/// A comparison for a person at a terminal, at most 100 columns wide; the first line is the
/// word and why. Reads the same without `colour`.
void write_comparison_terminal(std::ostream& out, const Comparison& comparison, bool colour);

/// For a pull request: GitHub's Markdown.
void write_comparison_markdown(std::ostream& out, const Comparison& comparison);

/// For CI: one test case per judged figure, and one for the verdict. A WARN passes, with its
/// text as output; what could not be judged is skipped; INCONCLUSIVE is the verdict's error.
void write_comparison_junit(std::ostream& out, const Comparison& comparison);

/// compare.json: see result/comparison_json.hpp.
void write_comparison_json(std::ostream& out, const Comparison& comparison);

/// The sentence behind the word: the first reason, or what was looked at.
std::string sentence_of(const Comparison& comparison);

/// The columns that tables of all kinds print for one figure.
struct FigureText {
    std::string name, base, candidate, change, interval, p, limit, word;
};
FigureText text_of(const ComparedFigure& figure);

/// "10 of 10 pairs of 15 s at 300 journeys/s (poisson), each after 1 s of warm-up": how a
/// gate was run; empty of other kinds.
std::string setup_text(const Comparison& comparison);

/// What a gate without restarts cannot see; empty where there is nothing to warn of.
std::string within_process_note(const Comparison& comparison);

}  // namespace loadline
