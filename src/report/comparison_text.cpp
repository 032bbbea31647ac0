#include <fmt/format.h>

#include <cmath>
#include <ostream>

#include "base/units.hpp"
#include "report/comparison.hpp"
#include "report/figures.hpp"
#include "result/comparison_json.hpp"

namespace loadline {
namespace {

std::string value_text(const ComparedFigure& figure, const std::optional<double>& value) {
    if (!value) return "–";
    switch (figure.unit) {
        case ComparedFigure::Unit::ms:
            return *value >= to_ms(Histogram::unanswered) ? "unanswered"
                                                          : format_duration(milliseconds(*value));
        case ComparedFigure::Unit::share:
            return format_share(*value);
        case ComparedFigure::Unit::per_second:
            return format_number(*value) + "/s";
    }
    return "–";
}

std::string limit_text(const ComparedFigure& figure) {
    if (figure.metric == "errors") return format_share(figure.limit);
    return (figure.limit < 0 ? "-" : "+") + format_share(std::abs(figure.limit));
}

}  // namespace

FigureText text_of(const ComparedFigure& figure) {
    FigureText text;
    text.name = figure.metric == "errors" ? "errors" : figure.metric;
    text.base = value_text(figure, figure.base);
    text.candidate = value_text(figure, figure.candidate);
    if (figure.change) text.change = change_text(*figure.change);
    if (figure.change_interval) {
        text.interval = change_text((*figure.change_interval)[0]) + " to " +
                        change_text((*figure.change_interval)[1]);
    }
    if (figure.p_value) text.p = p_text(*figure.p_value);
    if (figure.z) text.p = fmt::format("z {:.2f}", *figure.z);
    if (figure.word) {
        text.limit = limit_text(figure);
        text.word = to_string(*figure.word);
    }
    return text;
}

std::string sentence_of(const Comparison& c) {
    if (!c.reasons.empty()) return c.reasons.front().text;
    if (c.kind == Comparison::Kind::capacity) return "no loss of capacity was found";
    return "no regression was found";
}

std::string setup_text(const Comparison& c) {
    if (!c.gate) return {};
    const auto& gate = *c.gate;
    return fmt::format(
        "{} of {} pairs of {} at {} ({}), each segment after {} of warm-up{}", c.kept_pairs,
        gate.pairs, round_duration(gate.length), rate_text(gate.rate_per_s, "journeys"),
        gate.arrivals == Arrivals::paced ? "paced" : "poisson", round_duration(gate.warmup),
        gate.restarts ? " and a restart of the service" : "");
}

std::string within_process_note(const Comparison& c) {
    if (!c.gate || c.gate->restarts) return {};
    return "within-process comparison only: one start of each service was seen, and the luck of a "
           "start (memory layout, placement on cores) cannot be told from a regression";
}

void write_comparison_json(std::ostream& out, const Comparison& comparison) {
    using Json = nlohmann::ordered_json;
    out << comparison_json(comparison).dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

}  // namespace loadline
