#include "plan/slo.hpp"

#include <fmt/format.h>

#include <charconv>

#include "base/units.hpp"

namespace loadline {
namespace {

constexpr std::string_view blanks = " \t";

std::string_view trim(std::string_view text) {
    const auto from = text.find_first_not_of(blanks);
    if (from == std::string_view::npos) return {};
    return text.substr(from, text.find_last_not_of(blanks) - from + 1);
}

Error wrong(std::string_view text, std::string_view why) {
    return usage_error(fmt::format(
        "slo \"{}\": {}\n   hint: write p99 < 100ms, p99.9(step) <= 1s, p95(journey:name) < 2s or "
        "errors < 0.1%",
        text, why));
}

/// 0.999 for "99.9" and "999", 0.5 for "50"; nothing for what is no percentile.
std::optional<double> parse_percentile(std::string_view digits) {
    const auto dot = digits.find('.');
    std::string all{digits.substr(0, dot)};
    if (all.size() < 2 || all.find_first_not_of("0123456789") != std::string::npos) return {};
    if (dot != std::string_view::npos) {
        const auto fraction = digits.substr(dot + 1);
        if (all.size() != 2 || fraction.empty()) return {};
        if (fraction.find_first_not_of("0123456789") != std::string_view::npos) return {};
        all += fraction;
    } else if (all.size() > 2 && all[0] != '9') {
        return {};  // p999 is p99.9, but p100 is not p10.0
    }
    all.insert(0, "0.");
    double quantile = 0;
    std::from_chars(all.data(), all.data() + all.size(), quantile);
    return quantile;
}

/// "p99(settle)" split into metric and scope.
Result<SloClause> parse_metric(std::string_view text, std::string_view left) {
    SloClause clause;
    auto metric = left;
    if (const auto open = left.find('('); open != std::string_view::npos) {
        if (left.back() != ')') return wrong(text, "\"(\" has no \")\"");
        metric = trim(left.substr(0, open));
        auto name = trim(left.substr(open + 1, left.size() - open - 2));
        clause.scope = SloClause::Scope::step;
        if (name.starts_with("journey:")) {
            clause.scope = SloClause::Scope::journey;
            name = trim(name.substr(8));
        }
        if (name.empty()) return wrong(text, "the brackets name no step");
        clause.name = name;
    }
    if (metric == "errors") {
        clause.metric = SloClause::Metric::errors;
        return clause;
    }
    const auto digits = metric.substr(metric.starts_with('p') ? 1 : 0);
    const bool numeric = digits.find_first_not_of("0123456789.") == std::string_view::npos;
    if (digits.empty() || digits.size() == metric.size() || !numeric) {
        return wrong(text, fmt::format("\"{}\" is neither a percentile nor errors", metric));
    }
    const auto quantile = parse_percentile(digits);
    if (!quantile || *quantile < 0.5 || *quantile > 0.99999) {
        return wrong(text, fmt::format("{} is not between p50 and p99.999", metric));
    }
    clause.quantile = *quantile;
    return clause;
}

/// "every 10s": windows of whole seconds.
Result<Duration> parse_over(std::string_view text, std::string_view over, const SloClause& clause) {
    if (!over.starts_with("every ")) return wrong(text, "\"over\" goes on like \"over every 10s\"");
    if (clause.metric == SloClause::Metric::errors || clause.scope == SloClause::Scope::journey) {
        return wrong(text, "only percentiles of transactions or of a step go over windows");
    }
    const auto every = parse_duration(trim(over.substr(6)));
    if (!every) return wrong(text, every.error().message);
    if (*every < std::chrono::seconds{1} || *every % std::chrono::seconds{1} != Duration{}) {
        return wrong(text, "windows take whole seconds, one at least");
    }
    return *every;
}

}  // namespace

Result<SloClause> parse_slo(std::string_view whole) {
    const auto all = trim(whole);
    const auto over = all.find(" over ");
    const auto text = trim(all.substr(0, over));
    const auto sign = text.find_first_of("<>=");
    if (sign == std::string_view::npos) return wrong(text, "it has no \"<\" or \"<=\"");
    const bool inclusive = text.substr(sign, 2) == "<=";
    if (text[sign] != '<') return wrong(text, "only \"<\" and \"<=\" make a promise");

    auto clause = parse_metric(text, trim(text.substr(0, sign)));
    if (!clause) return clause;
    clause->text = all;
    if (over != std::string_view::npos) {
        const auto every = parse_over(all, trim(all.substr(over + 6)), *clause);
        if (!every) return every.error();
        clause->over_every = *every;
    }
    clause->inclusive = inclusive;
    const auto limit = trim(text.substr(sign + (inclusive ? 2 : 1)));
    if (clause->metric == SloClause::Metric::errors) {
        const auto share = parse_share(limit);
        if (!share) return wrong(text, share.error().message);
        if (*share == 0 && !inclusive) return wrong(text, "no share is below zero: write <= 0%");
        clause->error_limit = *share;
        return clause;
    }
    const auto duration = parse_duration(limit);
    if (!duration) return wrong(text, duration.error().message);
    if (*duration <= Duration{}) return wrong(text, "the limit must be above zero");
    clause->limit = *duration;
    return clause;
}

}  // namespace loadline
