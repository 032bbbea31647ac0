#include "result/comparison.hpp"

#include <fmt/format.h>

#include <cmath>

namespace loadline {

const char* to_string(Side side) { return side == Side::base ? "base" : "candidate"; }

const char* to_string(CompareWord word) {
    switch (word) {
        case CompareWord::pass:
            return "PASS";
        case CompareWord::warn:
            return "WARN";
        case CompareWord::fail:
            return "FAIL";
        case CompareWord::inconclusive:
            return "INCONCLUSIVE";
    }
    return "INCONCLUSIVE";
}

const char* to_string(Comparison::Kind kind) {
    switch (kind) {
        case Comparison::Kind::gate:
            return "gate";
        case Comparison::Kind::stored:
            return "stored";
        case Comparison::Kind::capacity:
            return "capacity";
    }
    return "gate";
}

int exit_code(const Comparison& comparison) {
    if (comparison.signal != 0) return 128 + comparison.signal;
    switch (comparison.word) {
        case CompareWord::pass:
            return 0;
        case CompareWord::warn:
            return comparison.strict ? 1 : 0;
        case CompareWord::fail:
            return 1;
        case CompareWord::inconclusive:
            return 4;
    }
    return 70;
}

std::string change_text(double change) {
    if (change >= 9) return fmt::format("×{:.0f}", 1 + change);
    const double percent = 100 * change;
    const int digits = std::abs(percent) < 9.95 ? 1 : 0;
    const auto text = fmt::format("{:+.{}f} %", percent, digits);
    return text == "+0.0 %" || text == "-0.0 %" ? "0 %" : text;
}

std::string slower_text(double change) {
    if (change >= 9) return fmt::format("{:.0f} times as slow", 1 + change);
    return change_text(change).substr(1) + " slower";
}

std::string p_text(double p) { return p < 0.001 ? "< 0.001" : fmt::format("{:.3f}", p); }

std::string name_of(const ComparedFigure& figure) {
    const auto name = figure.metric == "errors" ? std::string{"error rate"} : figure.metric;
    return figure.scope.empty() ? name : name + " of step " + figure.scope;
}

}  // namespace loadline
