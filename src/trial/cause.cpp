#include "trial/cause.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.hpp"

namespace loadline {
namespace {

/// What one rule sees: the two sides and the context. `good` may be null.
struct Look {
    const CauseSide* good;
    const CauseSide& bad;
    const CauseContext& context;
};
using Found = std::optional<std::string>;

const ProcessUse* process_of(const CauseSide* side) {
    return side && side->target && side->target->process ? &*side->target->process : nullptr;
}
const KernelUse* kernel_of(const CauseSide* side) {
    return side && side->target && side->target->kernel ? &*side->target->kernel : nullptr;
}
const RedisUse* redis_of(const CauseSide* side) {
    return side && side->target && side->target->redis ? &*side->target->redis : nullptr;
}

double per_second(std::uint64_t count, const CauseSide& side) {
    const auto length = to_seconds(side.target->length);
    return length > 0 ? static_cast<double>(count) / length : 0;
}

double share(std::uint64_t part, std::uint64_t whole) {
    return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

/// A figure of the good side, which may not be known.
struct Good {
    bool known = false;
    double value = 0;
};

template <class Use>
Good good_of(const Use* use, std::optional<double> Use::*figure) {
    return use && use->*figure ? Good{true, (use->*figure).value_or(0)} : Good{};
}

/// Whether the bad side's value stands out against the good one's, where that is known.
bool clearly_more(double bad, Good good, double times) {
    return !good.known || bad >= times * good.value;
}

/// " (12 % in the good seconds)"; nothing where that is not known.
template <class Text>
std::string beside(Good good, Text text) {
    return good.known ? fmt::format(" ({} in the good seconds)", text(good.value)) : std::string{};
}

std::string rate_text(double per_second) { return format_number(per_second) + "/s"; }

// The target's process

Found restart(const Look& look) {
    const auto* p = process_of(&look.bad);
    if (!p || p->restarts == 0) return {};
    return fmt::format("the target was restarted {} under the load; its process is {} now",
                       p->restarts == 1 ? "once" : fmt::format("{} times", p->restarts), p->pid);
}

Found oom(const Look& look) {
    const auto* p = process_of(&look.bad);
    if (!p || p->oom_kills == 0) return {};
    return fmt::format("the kernel killed {} of the target's cgroup for lack of memory (OOM)",
                       p->oom_kills == 1 ? "a process" : fmt::format("{} processes", p->oom_kills));
}

Found gone(const Look& look) {
    const auto* p = process_of(&look.bad);
    if (!p || !p->gone) return {};
    return fmt::format("the target's process {} has ended under the load", p->pid);
}

Found fd_limit(const Look& look) {
    const auto* p = process_of(&look.bad);
    if (!p || !p->fds || !p->fd_limit) return {};
    const auto used = share(*p->fds, *p->fd_limit);
    const auto* g = process_of(look.good);
    const auto good = g && g->fds ? Good{true, static_cast<double>(*g->fds)} : Good{};
    if (used < 0.95) return {};
    if (used < 0.98 && !clearly_more(static_cast<double>(*p->fds), good, 1.05)) return {};
    return fmt::format("{} of {} file descriptors were open{}: the target can accept no more",
                       *p->fds, *p->fd_limit, beside(good, format_number));
}

Found cpu_quota(const Look& look) {
    const auto* p = process_of(&look.bad);
    if (!p || !p->quota || !p->throttled || !p->cores_used) return {};
    const auto* g = process_of(look.good);
    const auto good = good_of(g, &ProcessUse::throttled);
    if (*p->throttled < 0.2) return {};
    if (*p->throttled < 0.5 && !clearly_more(*p->throttled, good, 1.2)) return {};
    return fmt::format(
        "the CPU quota of {} cores was used up: the target got {} and was held back in {} of the "
        "quota's periods{}",
        format_number(*p->cores), format_number(*p->cores_used), format_share(*p->throttled),
        beside(good, format_share));
}

Found cpu(const Look& look) {
    const auto* p = process_of(&look.bad);
    if (!p || p->quota || !p->cores || !p->cores_used) return {};
    const auto used = *p->cores_used / *p->cores;
    const auto* g = process_of(look.good);
    const auto good = good_of(g, &ProcessUse::cores_used);
    if (used < 0.9) return {};
    if (used < 0.97 && !clearly_more(*p->cores_used, good, 1.05)) return {};
    return fmt::format("the target used {} of {} cores{}", format_number(*p->cores_used),
                       format_number(*p->cores), beside(good, format_number));
}

Found cpu_thread(const Look& look) {
    const auto* p = process_of(&look.bad);
    if (!p || !p->busiest_thread || cpu(look)) return {};
    const auto* g = process_of(look.good);
    const auto good = good_of(g, &ProcessUse::busiest_thread);
    if (*p->busiest_thread < 0.9) return {};
    if (*p->busiest_thread < 0.97 && !clearly_more(*p->busiest_thread, good, 1.05)) return {};
    return fmt::format("one thread of the target used {} of a core{}: it does all the work alone",
                       format_share(std::min(1.0, *p->busiest_thread)), beside(good, format_share));
}

Found run_queue(const Look& look) {
    const auto* p = process_of(&look.bad);
    if (!p || !p->run_queue_wait) return {};
    const auto* g = process_of(look.good);
    const auto good = good_of(g, &ProcessUse::run_queue_wait);
    if (*p->run_queue_wait < 0.5 || !clearly_more(*p->run_queue_wait, good, 2)) return {};
    if (!good.known && *p->run_queue_wait < p->cores_used.value_or(0)) return {};
    return fmt::format(
        "the target's threads were ready but had no core for {} s each second, all together{}",
        format_number(*p->run_queue_wait), beside(good, format_number));
}

// The kernel

Found accept_queue(const Look& look) {
    const auto* k = kernel_of(&look.bad);
    if (!k || k->listen_overflows < 3) return {};
    const auto* g = kernel_of(look.good);
    const auto good = g ? Good{true, per_second(g->listen_overflows, *look.good)} : Good{};
    if (share(k->listen_overflows, look.bad.completed) < 0.0005 && look.bad.completed > 0)
        return {};
    const auto rate = per_second(k->listen_overflows, look.bad);
    if (!clearly_more(rate, good, 2)) return {};
    auto found =
        fmt::format("the kernel turned connections away {} times, {}{}: the accept queue was full",
                    k->listen_overflows, rate_text(rate), beside(good, rate_text));
    const auto& [queue, backlog] = std::pair{look.bad.accept_queue, look.bad.backlog};
    if (backlog == 0) return found;
    if (queue >= backlog) return found + fmt::format(" (seen with {} of {})", queue, backlog);
    return found + fmt::format(
                       " (counted in the whole network namespace; the watched queue was seen with "
                       "at most {} of {})",
                       queue, backlog);
}

Found retransmits(const Look& look) {
    const auto* k = kernel_of(&look.bad);
    if (!k || k->retransmits < 10) return {};
    const auto* g = kernel_of(look.good);
    const auto good = g ? Good{true, share(g->retransmits, g->segments)} : Good{};
    const auto part = share(k->retransmits, k->segments);
    if (part < 0.01 || !clearly_more(part, good, 2)) return {};
    return fmt::format("{} of the TCP segments were sent again{}, in its whole network namespace",
                       format_share(part), beside(good, format_share));
}

// Redis

Found redis_slow(const Look& look) {
    const auto* r = redis_of(&look.bad);
    if (!r) return {};
    const auto* g = redis_of(look.good);
    const auto limit = look.context.latency_limit;
    const auto worst = std::max(r->slowest, r->ping);
    if (worst < limit) return {};
    if (g && worst < 3 * std::max(g->slowest, g->ping) / 2) return {};
    std::string log = "; its slow log has nothing new";
    if (r->slow > 0) {
        log = fmt::format("; {} in its slow log took {}, the longest {} ({})",
                          r->slow == 1 ? "1 command" : fmt::format("{} commands", r->slow),
                          format_duration(r->slow_time), format_duration(r->slowest),
                          r->slowest_command);
    }
    return fmt::format("Redis was slow: a PING took up to {}{}{}", format_duration(r->ping),
                       beside(g ? Good{true, to_seconds(g->ping)} : Good{},
                              [](double s) { return format_duration(seconds(s)); }),
                       log);
}

Found redis_evictions(const Look& look) {
    const auto* r = redis_of(&look.bad);
    if (!r || r->evicted.value_or(0) == 0) return {};
    const auto* g = redis_of(look.good);
    const auto good = g && g->evicted ? Good{true, per_second(*g->evicted, *look.good)} : Good{};
    const auto rate = per_second(*r->evicted, look.bad);
    if (!clearly_more(rate, good, 2)) return {};
    return fmt::format("Redis evicted {} keys for lack of memory, {}{}", *r->evicted,
                       rate_text(rate), beside(good, rate_text));
}

Found redis_cpu(const Look& look) {
    const auto* r = redis_of(&look.bad);
    if (!r || !r->cores_used) return {};
    const auto* g = redis_of(look.good);
    const auto good = good_of(g, &RedisUse::cores_used);
    if (*r->cores_used < 0.9) return {};
    if (*r->cores_used < 0.97 && !clearly_more(*r->cores_used, good, 1.05)) return {};
    return fmt::format("Redis used {} of its one core{}",
                       format_share(std::min(1.0, *r->cores_used)), beside(good, format_share));
}

Found redis_blocked(const Look& look) {
    const auto* r = redis_of(&look.bad);
    const auto* g = redis_of(look.good);
    if (!r || !g || !r->blocked || !g->blocked) return {};  // how many are usual is not known
    if (*r->blocked < *g->blocked + 5 || *r->blocked < 3 * *g->blocked / 2) return {};
    return fmt::format("{} clients waited in blocking commands of Redis{}", *r->blocked,
                       beside(Good{true, static_cast<double>(*g->blocked)}, format_number));
}

struct Rule {
    const char* code;
    Found (*look)(const Look&);
};
constexpr Rule rules[] = {
    {"restart", restart},
    {"oom", oom},
    {"gone", gone},
    {"fd_limit", fd_limit},
    {"cpu_quota", cpu_quota},
    {"redis_slow", redis_slow},
    {"redis_evictions", redis_evictions},
    {"redis_cpu", redis_cpu},
    {"redis_blocked", redis_blocked},
    {"cpu", cpu},
    {"cpu_thread", cpu_thread},
    {"accept_queue", accept_queue},
    {"run_queue", run_queue},
    {"retransmits", retransmits},
};

// What the client met: named, but behind what the server shows of itself

constexpr Outcome named_outcomes[] = {
    Outcome::http_5xx,     Outcome::connect_refused, Outcome::connect_timeout, Outcome::reset,
    Outcome::closed_early, Outcome::redis_error,     Outcome::resolve_error};

const char* meaning_of(Outcome outcome) {
    switch (outcome) {
        case Outcome::http_5xx:
            return "were answered 5xx";
        case Outcome::connect_refused:
            return "found nobody listening, or a backlog that refuses";
        case Outcome::connect_timeout:
            return "got no connection in time";
        case Outcome::reset:
            return "were ended by a reset";
        case Outcome::closed_early:
            return "were closed before the answer";
        case Outcome::resolve_error:
            return "found no address for the target's name";
        default:
            return "were answered by Redis with an error";
    }
}

/// What the service said first, without the outcome's own name before it.
std::string first_example(const CauseContext& context, Outcome outcome) {
    constexpr std::size_t most = 80;
    for (const auto& example : context.examples) {
        if (example.outcome != outcome) continue;
        std::string_view text = example.text;
        if (text.starts_with(to_string(outcome))) text.remove_prefix(to_string(outcome).size());
        text.remove_prefix(std::min(text.find_first_not_of(": "), text.size()));
        if (text.empty()) continue;
        return fmt::format("; the first: {}{}", text.substr(0, most),
                           text.size() > most ? "..." : "");
    }
    return {};
}

/// How many exchanges of a side ended so, and their share.
struct Counted {
    std::uint64_t count = 0;
    double share = 0;
};

Counted ended(const CauseSide& side, Outcome outcome) {
    const auto n = side.outcomes[static_cast<std::size_t>(outcome)];
    return {n, share(n, side.completed)};
}

/// The outcomes that stand out, most frequent first.
std::vector<Outcome> outcomes_of(const Look& look) {
    std::vector<Outcome> found;
    for (const auto outcome : named_outcomes) {
        const auto bad = ended(look.bad, outcome);
        const auto good = look.good ? Good{true, ended(*look.good, outcome).share} : Good{};
        if (bad.count >= 5 && bad.share >= 0.001 && clearly_more(bad.share, good, 2)) {
            found.push_back(outcome);
        }
    }
    std::stable_sort(found.begin(), found.end(), [&](auto a, auto b) {
        return ended(look.bad, a).count > ended(look.bad, b).count;
    });
    return found;
}

std::string outcome_text(const Look& look, Outcome outcome) {
    const auto bad = ended(look.bad, outcome);
    const auto good = look.good ? Good{true, ended(*look.good, outcome).share} : Good{};
    return fmt::format("{} of {} requests {}: {}{}{}", bad.count, look.bad.completed,
                       meaning_of(outcome), format_share(bad.share), beside(good, format_share),
                       first_example(look.context, outcome));
}

}  // namespace

void add_to(CauseSide& side, const TimelinePoint& point) {
    side.length += point.length;
    side.completed += point.completed;
    for (std::size_t i = 0; i < outcome_count; ++i) side.outcomes[i] += point.outcomes[i];
    if (point.sockets && point.sockets->accept_queue >= side.accept_queue) {
        side.accept_queue = point.sockets->accept_queue;
        side.backlog = point.sockets->backlog;
    }
    if (!point.target) return;
    if (!side.target) side.target.emplace();
    append(*side.target, *point.target);
}

CauseSide side_of(std::span<const TimelinePoint> points) {
    CauseSide side;
    for (const auto& point : points) add_to(side, point);
    return side;
}

std::vector<CauseFinding> compare_sides(const CauseSide* good, const CauseSide& bad,
                                        const CauseContext& context) {
    const Look look{good, bad, context};
    std::vector<CauseFinding> findings;
    for (const auto& rule : rules) {
        if (auto text = rule.look(look)) findings.push_back({rule.code, std::move(*text), {}, {}});
    }
    for (const auto outcome : outcomes_of(look)) {
        findings.push_back({std::string{to_string(outcome)}, outcome_text(look, outcome), {}, {}});
    }
    return findings;
}

}  // namespace loadline
