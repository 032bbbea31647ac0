#include "trial/cause.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.hpp"
#include "trial/cause_look.hpp"

namespace loadline {
namespace {

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

template <class Use>
Good good_of(const Use* use, std::optional<double> Use::*figure) {
    return use && use->*figure ? Good{true, (use->*figure).value_or(0)} : Good{};
}

/// Whether the bad side used clearly more of a limit, as a share of it, than the good one: that
/// many times as much, or so much that a third less of the room was left. A search may take a good
/// probe just below the limit: then only the room tells. A limit that was reached on both sides is
/// none.
bool nearer_its_limit(double bad, Good good, double times) {
    constexpr double no_room = 0.02;  // less is not told from none
    const auto used = std::min(bad, 1.0);
    return clearly_more(used, good, times) || 1 - good.value >= 1.5 * std::max(1 - used, no_room);
}

std::string rate_text(double per_second) { return format_number(per_second) + "/s"; }

// The target's process

Found restart(const Look& look) {
    const auto* p = process_of(&look.bad);
    if (!p || p->restarts == 0) return {};
    return fmt::format("{} was restarted {} under the load; its process is {} now", look.who,
                       p->restarts == 1 ? "once" : fmt::format("{} times", p->restarts), p->pid);
}

Found oom(const Look& look) {
    const auto* p = process_of(&look.bad);
    if (!p || p->oom_kills == 0) return {};
    return fmt::format("the kernel killed {} of {}'s cgroup for lack of memory (OOM)",
                       p->oom_kills == 1 ? "a process" : fmt::format("{} processes", p->oom_kills),
                       look.who);
}

Found gone(const Look& look) {
    const auto* p = process_of(&look.bad);
    if (!p || !p->gone) return {};
    return fmt::format("{}'s process {} has ended under the load", look.who, p->pid);
}

Found fd_limit(const Look& look) {
    const auto* p = process_of(&look.bad);
    if (!p || !p->fds || !p->fd_limit) return {};
    const auto used = share(*p->fds, *p->fd_limit);
    // The last good second may have them all: who gets none waits, and is slow a while later.
    const auto* fewest = look.good && look.good->fds_fewest ? &*look.good->fds_fewest : nullptr;
    const auto good = fewest ? Good{true, static_cast<double>(*fewest)} : Good{};
    const auto good_used = fewest ? Good{true, share(*fewest, *p->fd_limit)} : Good{};
    if (used < 0.95 || !nearer_its_limit(used, good_used, 1.05)) return {};
    return fmt::format("{} of {} file descriptors were open{}: {} can accept no more", *p->fds,
                       *p->fd_limit, beside(look, good, format_number), look.who);
}

/// That its threads waited for a core, and clearly longer than on the good side.
Found waits_for_a_core(const Look& look) {
    const auto* p = process_of(&look.bad);
    if (!p || !p->run_queue_wait) return {};
    const auto* g = process_of(look.good);
    const auto good = good_of(g, &ProcessUse::run_queue_wait);
    if (*p->run_queue_wait < 0.5 || !clearly_more(*p->run_queue_wait, good, 2)) return {};
    if (!good.known && *p->run_queue_wait < p->cores_used.value_or(0)) return {};
    return fmt::format("threads were ready but had no core for {} s each second, all together{}",
                       format_number(*p->run_queue_wait), beside(look, good, format_number));
}

/// A good probe just below the limit uses nearly all of it too, and is held back in nearly all
/// periods: then only how long the threads waited tells the two apart. Where the target got less of
/// its cores than before, others have taken them.
Found waits_for_its_own(const Look& look) {
    const auto *p = process_of(&look.bad), *g = process_of(look.good);
    if (!g || !g->run_queue_wait || !g->cores_used) return {};
    const auto no_less = [](double bad, double good) { return bad >= 0.95 * good; };
    if (!no_less(p->cores_used.value_or(0), *g->cores_used)) return {};
    if (!no_less(p->throttled.value_or(0), g->throttled.value_or(0))) return {};
    return waits_for_a_core(look);
}

Found cpu_quota(const Look& look) {
    const auto* p = process_of(&look.bad);
    if (!p || !p->quota || !p->throttled || !p->cores_used) return {};
    const auto* g = process_of(look.good);
    const auto good = good_of(g, &ProcessUse::throttled);
    const auto waits = waits_for_its_own(look);
    if (*p->throttled < 0.2) return {};
    if (!waits && !nearer_its_limit(*p->throttled, good, 1.2)) return {};
    return fmt::format(
        "the CPU quota of {} cores was used up: {} got {} and was held back in {} of the quota's "
        "periods{}{}",
        format_number(*p->cores), look.who, format_number(*p->cores_used),
        format_share(*p->throttled), beside(look, good, format_share),
        waits ? "; its " + *waits : "");
}

Found cpu(const Look& look) {
    const auto* p = process_of(&look.bad);
    if (!p || p->quota || !p->cores || !p->cores_used) return {};
    const auto used = *p->cores_used / *p->cores;
    const auto* g = process_of(look.good);
    const auto good = good_of(g, &ProcessUse::cores_used);
    const auto good_used = Good{good.known, good.value / *p->cores};
    const auto waits = waits_for_its_own(look);
    if (used < 0.9) return {};
    if (!waits && !nearer_its_limit(used, good_used, 1.05)) return {};
    return fmt::format("{} used {} of {} cores{}{}", look.who, format_number(*p->cores_used),
                       format_number(*p->cores), beside(look, good, format_number),
                       waits ? "; its " + *waits : "");
}

Found cpu_thread(const Look& look) {
    const auto* p = process_of(&look.bad);
    if (!p || !p->busiest_thread || cpu(look)) return {};
    const auto* g = process_of(look.good);
    const auto good = good_of(g, &ProcessUse::busiest_thread);
    if (*p->busiest_thread < 0.9 || !nearer_its_limit(*p->busiest_thread, good, 1.05)) return {};
    return fmt::format("one thread of {} used {} of a core{}: it does all the work alone", look.who,
                       format_share(std::min(1.0, *p->busiest_thread)),
                       beside(look, good, format_share));
}

Found run_queue(const Look& look) {
    if (cpu_quota(look) || cpu(look)) return {};  // they wait for what the target itself uses
    const auto waits = waits_for_a_core(look);
    return waits ? Found{fmt::format("{}'s {}", look.who, *waits)} : Found{};
}

/// A rule about the target's process, asked of the proxy before it.
template <Found (*rule)(const Look&)>
Found of_proxy(const Look& look) {
    const auto proxy_of = [](CauseSide side) {
        if (side.target) side.target->process = side.target->proxy;
        side.fds_fewest = side.proxy_fds_fewest;
        return side;
    };
    const auto bad = proxy_of(look.bad);
    const auto good = look.good ? std::optional{proxy_of(*look.good)} : std::nullopt;
    return rule({good ? &*good : nullptr, bad, look.context, "the proxy"});
}

// The kernel

/// "12 times, 4/s": how often the kernel counted what harms connections, where that stands out.
Found counted(const Look& look, std::uint64_t KernelUse::*count) {
    const auto* k = kernel_of(&look.bad);
    if (!k || k->*count < 3) return {};
    if (share(k->*count, look.bad.completed) < 0.0005 && look.bad.completed > 0) return {};
    const auto* g = kernel_of(look.good);
    const auto good = g ? Good{true, per_second(g->*count, *look.good)} : Good{};
    const auto rate = per_second(k->*count, look.bad);
    if (!clearly_more(rate, good, 2)) return {};
    return fmt::format("{} times, {}{}", k->*count, rate_text(rate), beside(look, good, rate_text));
}

Found accept_queue(const Look& look) {
    const auto times = counted(look, &KernelUse::listen_overflows);
    const auto& [queue, backlog] = look.bad.accept_queue;
    if (!times || 2 * queue < backlog) return {};  // of the whole namespace: it was somebody else's
    return fmt::format("the kernel turned connections away {}: the accept queue was full{}", *times,
                       backlog > 0 ? fmt::format(" (seen with {} of {})", queue, backlog)
                                   : " (of some service in its network namespace)");
}

Found syn_queue(const Look& look) {
    const auto times = counted(look, &KernelUse::syn_queue_drops);
    if (!times) return {};
    return fmt::format(
        "the kernel dropped SYNs {}: too many connections were half open to some service in its "
        "network namespace, and SYN cookies are off",
        *times);
}

Found tcp_memory(const Look& look) {
    const auto times = counted(look, &KernelUse::aborts_on_memory);
    if (!times) return {};
    return fmt::format(
        "the kernel reset connections for lack of memory {}: tcp_mem or tcp_max_orphans was "
        "reached in its network namespace",
        *times);
}

/// SYNs left out: they are sent again where a queue is full.
std::uint64_t sent_again(const KernelUse& use) {
    return use.retransmits - std::min(use.retransmits, use.syn_retransmits);
}

Found retransmits(const Look& look) {
    const auto* k = kernel_of(&look.bad);
    if (!k || sent_again(*k) < 10) return {};
    const auto* g = kernel_of(look.good);
    const auto good = g ? Good{true, share(sent_again(*g), g->segments)} : Good{};
    const auto part = share(sent_again(*k), k->segments);
    if (part < 0.01 || !clearly_more(part, good, 2)) return {};
    return fmt::format("{} of the TCP segments were sent again{}, in its whole network namespace",
                       format_share(part), beside(look, good, format_share));
}

// Redis

Found redis_restart(const Look& look) {
    const auto* r = redis_of(&look.bad);
    if (!r || r->restarts == 0) return {};
    return fmt::format("Redis was restarted {} under the load",
                       r->restarts == 1 ? "once" : fmt::format("{} times", r->restarts));
}

Found redis_silent(const Look& look) {
    const auto* r = redis_of(&look.bad);
    if (!r || r->unanswered < 2) return {};
    const auto* g = redis_of(look.good);
    const auto good = g ? Good{true, per_second(g->unanswered, *look.good)} : Good{};
    const auto rate = per_second(r->unanswered, look.bad);
    if (!clearly_more(rate, good, 2)) return {};
    return fmt::format("Redis did not answer: {} PINGs got none{}", r->unanswered,
                       beside(look, good, rate_text));
}

Found redis_cpu(const Look& look) {
    const auto* r = redis_of(&look.bad);
    if (!r || !r->cores_used) return {};
    const auto* g = redis_of(look.good);
    const auto good = good_of(g, &RedisUse::cores_used);
    // Where a PING is slow and no command by itself, commands queue for the core: then less of it
    // is all that Redis could get, as on a machine whose cores are partly stolen.
    const auto limit = look.context.latency_limit;
    const bool queued = r->ping >= limit && r->slowest < limit;
    if (*r->cores_used < (queued ? 0.8 : 0.9)) return {};
    if (!nearer_its_limit(*r->cores_used, good, 1.05)) return {};
    std::string ping;
    if (r->ping >= limit) ping = "; a PING took up to " + format_duration(r->ping);
    return fmt::format("Redis used {} of its one core{}{}",
                       format_share(std::min(1.0, *r->cores_used)),
                       beside(look, good, format_share), ping);
}

Found redis_slow(const Look& look) {
    const auto* r = redis_of(&look.bad);
    if (!r) return {};
    const auto* g = redis_of(look.good);
    const auto limit = look.context.latency_limit;
    const auto worst = std::max(r->slowest, r->ping);
    if (worst < limit) return {};
    if (r->slowest < limit && redis_cpu(look)) return {};  // no command alone: there were too many
    if (g && worst < 3 * std::max(g->slowest, g->ping) / 2) return {};
    std::string log = "; its slow log has nothing new";
    if (r->slow > 0) {
        log = fmt::format("; {} in its slow log took {}, the longest {} ({})",
                          r->slow == 1 ? "1 command" : fmt::format("{} commands", r->slow),
                          format_duration(r->slow_time), format_duration(r->slowest),
                          r->slowest_command);
    }
    return fmt::format("Redis was slow: a PING took up to {}{}{}", format_duration(r->ping),
                       beside(look, g ? Good{true, to_seconds(g->ping)} : Good{},
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
                       rate_text(rate), beside(look, good, rate_text));
}

Found redis_blocked(const Look& look) {
    const auto* r = redis_of(&look.bad);
    const auto* g = redis_of(look.good);
    if (!r || !g || !r->blocked || !g->blocked) return {};  // how many are usual is not known
    if (*r->blocked < *g->blocked + 5 || *r->blocked < 3 * *g->blocked / 2) return {};
    return fmt::format("{} clients waited in blocking commands of Redis{}", *r->blocked,
                       beside(look, Good{true, static_cast<double>(*g->blocked)}, format_number));
}

struct Rule {
    const char* code;
    Found (*look)(const Look&);
};
constexpr Rule rules[] = {
    {"oom", oom},
    {"restart", restart},
    {"gone", gone},
    {"proxy_oom", of_proxy<oom>},
    {"proxy_restart", of_proxy<restart>},
    {"proxy_gone", of_proxy<gone>},
    {"redis_restart", redis_restart},
    {"redis_silent", redis_silent},
    {"fd_limit", fd_limit},
    {"cpu_quota", cpu_quota},
    {"proxy_fd_limit", of_proxy<fd_limit>},
    {"proxy_cpu_quota", of_proxy<cpu_quota>},
    {"redis_slow", redis_slow},
    {"redis_evictions", redis_evictions},
    {"redis_cpu", redis_cpu},
    {"redis_blocked", redis_blocked},
    {"cpu", cpu},
    {"cpu_thread", cpu_thread},
    {"proxy_cpu", of_proxy<cpu>},
    {"proxy_cpu_thread", of_proxy<cpu_thread>},
    {"accept_queue", accept_queue},
    {"syn_queue", syn_queue},
    {"tcp_memory", tcp_memory},
    {"run_queue", run_queue},
    {"proxy_run_queue", of_proxy<run_queue>},
    {"retransmits", retransmits},
};

}  // namespace

void add_to(CauseSide& side, const TimelinePoint& point) {
    side.length += point.length;
    side.completed += point.completed;
    for (std::size_t i = 0; i < outcome_count; ++i) side.outcomes[i] += point.outcomes[i];
    side.origins.merge(point.origins);
    if (point.fullest_queue) side.accept_queue.take_fuller(*point.fullest_queue);
    if (!point.target) return;
    const auto take_fewest = [](auto& fewest, const std::optional<ProcessUse>& process) {
        if (process && process->fds)
            fewest = std::min(fewest.value_or(*process->fds), *process->fds);
    };
    take_fewest(side.fds_fewest, point.target->process);
    take_fewest(side.proxy_fds_fewest, point.target->proxy);
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
    add_outcomes(look, findings);
    return findings;
}

}  // namespace loadline
