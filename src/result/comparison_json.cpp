#include "result/comparison_json.hpp"

#include <cmath>

#include "result/json_parts.hpp"

namespace loadline {
namespace {

using Json = nlohmann::ordered_json;

constexpr int comparison_version = 1;

double micro(double value) { return std::round(value * 1e6) / 1e6; }

const char* suffix(ComparedFigure::Unit unit) {
    switch (unit) {
        case ComparedFigure::Unit::ms:
            return "_ms";
        case ComparedFigure::Unit::share:
            return "_share";
        case ComparedFigure::Unit::per_second:
            return "_tps";
    }
    return "";
}

Json value_of(ComparedFigure::Unit unit, double value) {
    const bool unanswered =
        unit == ComparedFigure::Unit::ms && value >= to_ms(Histogram::unanswered);
    return unanswered ? Json(nullptr) : Json(micro(value));
}

Json figure_json(const ComparedFigure& f) {
    Json out;
    if (!f.scope.empty()) out["step"] = f.scope;
    out["metric"] = f.metric;
    const auto add = [&](const char* side, const std::optional<double>& value) {
        if (value) out[side + std::string{suffix(f.unit)}] = value_of(f.unit, *value);
    };
    add("base", f.base);
    add("candidate", f.candidate);
    if (f.change) out["change_share"] = micro(*f.change);
    if (f.change_interval) {
        out["change_interval_share"] = {micro((*f.change_interval)[0]),
                                        micro((*f.change_interval)[1])};
    }
    if (f.p_value) out["p_value"] = *f.p_value;
    if (f.z) out["z"] = micro(*f.z);
    out["limit_share"] = micro(f.limit);
    if (f.word) out["word"] = to_string(*f.word);
    if (!f.note.empty()) out["note"] = f.note;
    return out;
}

Json segment_json(const Segment& segment) {
    Json out;
    out["pair"] = segment.pair + 1;
    out["side"] = to_string(segment.side);
    out["length_s"] = to_seconds(segment.length);
    for (const auto& scope : segment.scopes) {
        Json figures;
        figures["requests"] = scope.requests;
        figures["errors"] = scope.errors;
        for (std::size_t i = 0; i < compared_percentiles.size(); ++i) {
            if (!scope.percentiles[i]) continue;
            figures[std::string{compared_percentiles[i].name} + "_ms"] =
                value_of(ComparedFigure::Unit::ms, to_ms(*scope.percentiles[i]));
        }
        if (scope.name.empty()) {
            out["total"] = std::move(figures);
        } else {
            out["steps"][scope.name] = std::move(figures);
        }
    }
    if (segment.interrupted) out["interrupted"] = true;
    out["invalid"] = Json::array();
    for (const auto& reason : segment.invalid) {
        out["invalid"].push_back({{"code", reason.code}, {"text", text_json(reason.text)}});
    }
    return out;
}

Json side_json(const ComparedSide& side) {
    Json out;
    out["source"] = text_json(side.source);
    if (!side.started_at.empty()) out["started_at"] = side.started_at;
    if (!side.version.empty()) out["tool_version"] = side.version;
    return out;
}

Json metadata_json(const Comparison& c) {
    Json out;
    out["tool"] = "loadline";
    out["tool_version"] = c.version;
    out["command"] = "compare";
    out["kind"] = to_string(c.kind);
    out["started_at"] = iso_utc(c.started_at);
    out["elapsed_s"] = to_seconds(c.elapsed);
    out["scenario"] = c.scenario_name;
    out["scenario_hash"] = c.scenario_hash;
    out["kernel"] = c.machine.kernel;
    out["cpu_model"] = c.machine.cpu_model;
    out["cores"] = c.machine.cores;
    return out;
}

Json config_json(const Comparison& c) {
    Json out;
    out["base"] = side_json(c.base);
    out["candidate"] = side_json(c.candidate);
    out["strict"] = c.strict;
    if (c.gate) {
        out["rate_per_s"] = c.gate->rate_per_s;
        out["arrivals"] = c.gate->arrivals == Arrivals::poisson ? "poisson" : "paced";
        out["pairs"] = c.gate->pairs;
        out["warmup_s"] = to_seconds(c.gate->warmup);
        out["segment_s"] = to_seconds(c.gate->length);
        out["restarts"] = c.gate->restarts;
        out["seed"] = c.gate->seed;
    }
    return out;
}

}  // namespace

Json comparison_json(const Comparison& c) {
    Json out;
    out["version"] = comparison_version;
    out["metadata"] = metadata_json(c);
    out["config"] = config_json(c);
    auto& results = out["results"];
    results["figures"] = Json::array();
    for (const auto& figure : c.figures) results["figures"].push_back(figure_json(figure));
    if (c.gate) {
        results["kept_pairs"] = c.kept_pairs;
        results["segments"] = Json::array();
        for (const auto& segment : c.segments) results["segments"].push_back(segment_json(segment));
    }
    results["notes"] = Json::array();
    for (const auto& note : c.notes) results["notes"].push_back(text_json(note));
    out["verdict"]["word"] = to_string(c.word);
    out["verdict"]["reasons"] = Json::array();
    for (const auto& reason : c.reasons) {
        out["verdict"]["reasons"].push_back(
            {{"code", reason.code}, {"text", text_json(reason.text)}});
    }
    out["verdict"]["exit_code"] = exit_code(c);
    return out;
}

}  // namespace loadline
