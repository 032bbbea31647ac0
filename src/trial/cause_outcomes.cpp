#include <algorithm>

#include "base/units.hpp"
#include "trial/cause_look.hpp"

// What the client met: named, but behind what the server shows of itself.
namespace loadline {
namespace {

/// So many must end in one way, and this share of all, for it to be named.
constexpr std::uint64_t fewest = 5;
constexpr double smallest_share = 0.001;
/// Of the time of slow answers: more passed in the application, or less.
constexpr double mostly = 0.8, hardly = 0.2;

/// One way for an exchange to end badly.
struct Kind {
    const char* code;
    Outcome outcome;  ///< whose examples to quote
    const char* meaning;
    const char* status = "";  ///< that an example must have, "HTTP 502"
    std::uint64_t (*count)(const CauseSide&);
};

template <Outcome outcome>
std::uint64_t all_of(const CauseSide& side) {
    return side.outcomes[static_cast<std::size_t>(outcome)];
}

/// The 5xx but those that have a code of their own.
std::uint64_t other_5xx(const CauseSide& side) {
    const auto& origins = side.origins;
    const auto all = all_of<Outcome::http_5xx>(side);
    return all - std::min(all, origins.http_502 + origins.http_503 + origins.http_504);
}

constexpr Kind kinds[] = {
    {"http_502", Outcome::http_5xx,
     "were answered 502 by a proxy, as the application behind it refused the connection or broke "
     "it",
     "HTTP 502", [](const CauseSide& side) { return side.origins.http_502; }},
    {"http_504", Outcome::http_5xx,
     "were answered 504 by a proxy, as the application behind it did not answer in time",
     "HTTP 504", [](const CauseSide& side) { return side.origins.http_504; }},
    {"http_503", Outcome::http_5xx,
     "were answered 503: accepted from the kernel's queue, then refused by the service itself or "
     "by a proxy before it",
     "HTTP 503", [](const CauseSide& side) { return side.origins.http_503; }},
    {"http_5xx", Outcome::http_5xx, "were answered 5xx", "", other_5xx},
    {"http_4xx", Outcome::http_4xx, "were answered 4xx", "", all_of<Outcome::http_4xx>},
    {"connect_refused", Outcome::connect_refused,
     "found nobody listening, or a backlog that refuses", "", all_of<Outcome::connect_refused>},
    {"connect_timeout", Outcome::connect_timeout, "got no connection in time", "",
     all_of<Outcome::connect_timeout>},
    {"reset", Outcome::reset, "were ended by a reset", "", all_of<Outcome::reset>},
    {"closed_early", Outcome::closed_early, "were closed before the answer", "",
     all_of<Outcome::closed_early>},
    {"tls_error", Outcome::tls_error, "got no TLS", "", all_of<Outcome::tls_error>},
    {"protocol_error", Outcome::protocol_error, "were answered with what is no valid answer", "",
     all_of<Outcome::protocol_error>},
    {"check_failed", Outcome::check_failed, "were answered, but not as the scenario expects", "",
     all_of<Outcome::check_failed>},
    {"capture_failed", Outcome::capture_failed,
     "were answered without a value that the scenario captures", "",
     all_of<Outcome::capture_failed>},
    {"redis_error", Outcome::redis_error, "were answered by Redis with an error", "",
     all_of<Outcome::redis_error>},
    {"redis_moved", Outcome::redis_moved, "were sent to another node by Redis Cluster", "",
     all_of<Outcome::redis_moved>},
    {"resolve_error", Outcome::resolve_error, "found no address for the target's name", "",
     all_of<Outcome::resolve_error>},
};

/// Whether an example is of this kind. Of the other 5xx it must have no status that is a kind.
bool is_of(const Kind& kind, Outcome outcome, std::string_view text) {
    if (outcome != kind.outcome) return false;
    const std::string_view status = kind.status;
    if (!status.empty()) return text.starts_with(status);
    return std::none_of(std::begin(kinds), std::end(kinds), [&](const Kind& other) {
        return other.outcome == outcome && *other.status != '\0' && text.starts_with(other.status);
    });
}

/// What the service said first, without the outcome's own name before it.
std::string first_example(const CauseContext& context, const Kind& kind) {
    constexpr std::size_t most = 80;
    const auto name = to_string(kind.outcome);
    for (const auto& example : context.examples) {
        std::string_view text = example.text;
        if (text.starts_with(name)) text.remove_prefix(name.size());
        text.remove_prefix(std::min(text.find_first_not_of(": "), text.size()));
        if (text.empty() || !is_of(kind, example.outcome, text)) continue;
        return fmt::format("; the first: {}{}", text.substr(0, most),
                           text.size() > most ? "..." : "");
    }
    return {};
}

Good good_share(const Look& look, const Kind& kind) {
    return look.good ? Good{true, share(kind.count(*look.good), look.good->completed)} : Good{};
}

bool stands_out(const Look& look, const Kind& kind) {
    const auto n = kind.count(look.bad);
    const auto part = share(n, look.bad.completed);
    return n >= fewest && part >= smallest_share && clearly_more(part, good_share(look, kind), 2);
}

std::string text_of(const Look& look, const Kind& kind) {
    const auto n = kind.count(look.bad);
    return fmt::format("{} of {} requests {}: {}{}{}", n, look.bad.completed, kind.meaning,
                       format_share(share(n, look.bad.completed)),
                       beside(look, good_share(look, kind), format_share),
                       first_example(look.context, kind));
}

/// "; the proxy used 0.98 cores then, the application 0.1": which of them had no more to give.
std::string both_cores(const CauseSide& side) {
    if (!side.target || !side.target->proxy || !side.target->process) return {};
    const auto proxy = side.target->proxy->cores_used, own = side.target->process->cores_used;
    if (!proxy || !own) return {};
    return fmt::format("; the proxy used {} cores then, the application {}", format_number(*proxy),
                       format_number(*own));
}

double slow_share(const CauseSide& side) { return share(side.origins.slow, side.completed); }

/// Whether the slow answers' time passed in the application behind a proxy, or on the way to it:
/// where slow answers are what broke, not where they only were there too.
void add_slow_answers(const Look& look, std::vector<CauseFinding>& findings) {
    const auto& origins = look.bad.origins;
    const auto slow = slow_share(look.bad);
    const auto good = look.good ? Good{true, slow_share(*look.good)} : Good{};
    if (!look.context.too_slow || origins.slow < fewest) return;
    if (slow < smallest_share || !clearly_more(slow, good, 2)) return;
    const auto part = to_seconds(origins.slow_upstream) / to_seconds(origins.slow_service);
    if (part > hardly && part < mostly) return;
    const auto mean = origins.slow_service / static_cast<Duration::rep>(origins.slow);
    const bool application = part >= mostly;
    findings.push_back(
        {application ? "upstream_slow" : "proxy_slow",
         fmt::format("{} answers that took longer than {} told how long the application behind the "
                     "proxy had taken: {} of their {} on average{}{}",
                     origins.slow, format_duration(look.context.latency_limit), format_share(part),
                     format_duration(mean),
                     application ? "" : "; the rest passed in the proxy or on the way to it",
                     both_cores(look.bad)),
         {},
         {}});
}

}  // namespace

void add_outcomes(const Look& look, std::vector<CauseFinding>& findings) {
    std::vector<const Kind*> found;
    for (const auto& kind : kinds) {
        if (stands_out(look, kind)) found.push_back(&kind);
    }
    std::stable_sort(found.begin(), found.end(), [&](const Kind* a, const Kind* b) {
        return a->count(look.bad) > b->count(look.bad);
    });
    for (const auto* kind : found) {
        findings.push_back({kind->code, text_of(look, *kind), {}, {}});
    }
    add_slow_answers(look, findings);
}

}  // namespace loadline
