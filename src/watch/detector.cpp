#include "watch/detector.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "stats/quantile.hpp"
#include "watch/detector_text.hpp"
#include "watch/kernel_counters.hpp"

namespace loadline {
namespace {

constexpr std::uint64_t leak_needs = 3;
constexpr std::uint64_t exercise_needs = 20;
constexpr std::size_t evidence_rows = 20;
constexpr Duration dwell_of_a_healthy_server = std::chrono::seconds{1};

StuckSocket evidence(const CloseWaitStay& stay, TimePoint now) {
    StuckSocket stuck;
    stuck.peer = stay.peer;
    stuck.age_at_least = stay.age_at_least(now);
    stuck.age_at_most = now - stay.birth_earliest.value_or(stay.birth_latest);
    stuck.age_bounded = stay.birth_earliest.has_value();
    stuck.unread = stay.unread;
    stuck.unsent = stay.unsent;
    stuck.inode = stay.inode;
    stuck.keep_alive = stay.keep_alive.left(now);
    return stuck;
}

/// The live stays, parted by age, oldest first. `before` is filled only where excluded.
struct Stays {
    std::vector<StuckSocket> old;
    std::uint64_t young = 0, before = 0;
    std::uint64_t outlived = 0;  ///< of the old ones those that outlived an exchange of the server
    std::uint64_t excused = 0;   ///< of the old ones those that abandoned requests may hold
};

Stays part(const CloseWaitTracker& tracker, const DetectorInput& input, bool exclude_before) {
    Stays stays;
    for (const auto& [cookie, stay] : tracker.live()) {
        if (stay.missed > 0) continue;  // not in the last sample
        const bool gone_soon = stay.other_server && !tracker.outlived(stay, input.tau);
        if (gone_soon || (exclude_before && stay.before_load)) {
            ++stays.before;
        } else if (stay.age_at_least(input.now) < input.tau) {
            ++stays.young;
        } else {
            stays.old.push_back(evidence(stay, input.now));
            stays.outlived += stay.other_server;
        }
    }
    std::sort(stays.old.begin(), stays.old.end(), [](const auto& a, const auto& b) {
        return a.age_at_least != b.age_at_least ? a.age_at_least > b.age_at_least : a.peer < b.peer;
    });
    return stays;
}

/// The percentiles of all closes: those that were never seen count as zero.
std::optional<Dwell> dwell_of(const Histogram& seen, std::uint64_t closes) {
    if (seen.count() == 0) return {};
    Dwell dwell;
    dwell.seen = seen.count();
    dwell.max = seen.max();
    const auto unseen = closes > seen.count() ? closes - seen.count() : 0;
    const auto quantile = [&](double q) {
        const auto all = static_cast<double>(seen.count() + unseen);
        const double rank = q * all - static_cast<double>(unseen);  // among the seen ones
        if (rank <= 0) return Duration{};
        return std::min(seen.quantile(rank / static_cast<double>(seen.count())), dwell.max);
    };
    dwell.p50 = quantile(0.5);
    dwell.p99 = quantile(0.99);
    return dwell;
}

/// Of what is left; where nothing is, of the sockets that were stale when the load ended.
StuckClassCounts classes_of(const Stays& stays, std::span<const SocketSample> samples,
                            TimePoint load_end) {
    StuckClassCounts classes{};
    for (const auto& socket : stays.old) ++classes[static_cast<std::size_t>(stuck_class(socket))];
    if (!stays.old.empty()) return classes;
    const auto after = std::partition_point(samples.begin(), samples.end(),
                                            [&](const auto& s) { return s.at <= load_end; });
    return after == samples.begin() ? classes : std::prev(after)->classes;
}

SocketReport start_report(const CloseWaitTracker& tracker, const DetectorInput& input,
                          const Stays& stays, const LoadStretch& load, const SocketEvidence& e) {
    SocketReport report;
    report.port = input.port;
    report.tau = input.tau;
    report.source = input.source;
    report.closes = load.closes;
    report.leaked = stays.old.size();
    report.before = stays.before;
    report.stuck = e.stuck;
    report.classes = classes_of(stays, input.samples, load.end);
    report.dwell = dwell_of(tracker.dwell(), load.closes);
    if (e.points >= 8) report.trend = e.stale;
    report.old_gone = e.old_gone;
    if (e.old_time > Duration{}) report.old_gone_per_s = e.old_gone_per_s_at_most();
    report.fd_eta = e.fd_eta;
    report.accept_queue_max = e.accept_queue_max;
    report.backlog = e.backlog;
    const auto rows = std::min(stays.old.size(), evidence_rows);
    report.oldest.assign(stays.old.begin(), stays.old.begin() + static_cast<std::ptrdiff_t>(rows));
    return report;
}

/// `stuck` of the closes that had the time to; where nearly all were late, those left of all.
void add_leak_fraction(SocketReport& report, const SocketEvidence& e, std::uint64_t requests) {
    const bool matured = e.closes_matured >= exercise_needs;
    const auto trials = matured ? e.closes_matured : report.closes;
    if (trials == 0) return;
    const auto hits = std::min(matured ? e.stuck : report.leaked, trials);
    const auto bounds = wilson_interval(hits, trials);
    report.leak_fraction = static_cast<double>(hits) / static_cast<double>(trials);
    report.leak_fraction_interval = {bounds.low, bounds.high};
    if (requests > 0) {
        report.leaked_per_1000_requests =
            1000 * static_cast<double>(report.leaked) / static_cast<double>(requests);
    }
}

/// `invisible`: what the flag of that name takes.
void add_flags(SocketReport& report, const SocketEvidence& e, bool invisible) {
    report.fd_exhausted = e.fd_exhausted();
    if (report.fd_exhausted) {
        report.flags.push_back(fmt::format(
            "FD_EXHAUSTED: {} of {} file descriptors in use{}", e.fds_max, *e.fds_max_limit,
            e.fds_max_pid != 0 ? fmt::format(" by process {}", e.fds_max_pid) : ""));
    }
    if (e.accept_stall() && report.word != SocketWord::accept_stall) {
        report.flags.push_back(fmt::format("ACCEPT_STALL: {} connections in an accept queue of {}",
                                           e.accept_queue_max, e.backlog));
    }
    if (invisible) {
        report.flags.push_back(fmt::format(
            "FD_LEAK_INVISIBLE: {} descriptors more than at the start that no TCP socket explains",
            e.invisible));
    }
}

bool mostly_never_accepted(const StuckClassCounts& classes) {
    std::uint32_t sum = 0;
    for (const auto count : classes) sum += count;
    return 2 * classes[static_cast<std::size_t>(StuckClass::never_accepted)] > sum;
}

/// Few sockets stay, or none: the word among those that are not about a leak.
SocketWord word_of_few(const SocketReport& report, const SocketEvidence& e) {
    const bool slow = report.dwell && report.dwell->p99 >= dwell_of_a_healthy_server;
    return e.stale.highest == 0 && report.leaked == 0 && !slow ? SocketWord::ok
                                                               : SocketWord::transient;
}

/// How many of the old stays the server may still be working on.
std::uint64_t excused_at_most(const Stays& stays, const LoadFacts& load, TimePoint now) {
    const auto recent = static_cast<std::uint64_t>(
        std::count_if(stays.old.begin(), stays.old.end(),
                      [&](const auto& s) { return s.age_at_least < load.handler_limit; }));
    return std::min(recent, load.at_work_at_most(now));
}

/// The words about what stays and how it grew, for a load long enough to tell. `excused`: of those
/// left, which are no leak yet.
SocketWord word_of_trend(const SocketReport& report, const SocketEvidence& e, bool settled,
                         std::uint64_t excused) {
    if (e.stale.highest == 0 && report.leaked == 0) return word_of_few(report, e);
    if (e.reclaimed()) {
        const bool outgrown =
            e.rising() && e.tail_rising() &&
            static_cast<double>(e.old_gone_in_load) < 0.5 * static_cast<double>(e.stuck);
        return outgrown ? SocketWord::build_up : SocketWord::reclaimed;
    }
    if (e.accept_stall() && mostly_never_accepted(report.classes)) return SocketWord::accept_stall;
    if (e.rising() && !e.tail_flat()) {
        if (settled && report.leaked >= leak_needs + excused && e.nobody_left()) {
            return SocketWord::leak_confirmed;
        }
        return report.leaked == 0 && settled ? SocketWord::transient : SocketWord::build_up;
    }
    if (e.stale.highest > 0 && e.tail_flat()) return SocketWord::bounded;
    return report.leaked >= leak_needs ? SocketWord::suspect : SocketWord::transient;
}

SocketWord word_of_load(const SocketReport& report, const SocketEvidence& e, const Stays& stays,
                        const LoadFacts& load) {
    const bool long_enough = load.end - load.begin >= load_for_a_trend(report.tau);
    const bool exercised = load.closes >= exercise_needs;
    const auto trend = long_enough && exercised
                           ? word_of_trend(report, e, load.settled, stays.excused)
                           : SocketWord::inconclusive;
    if (!load.settled && report.leaked + stays.young > 0) {
        return trend == SocketWord::build_up || trend == SocketWord::accept_stall
                   ? trend
                   : SocketWord::inconclusive;
    }
    if (trend != SocketWord::inconclusive) {
        const bool calm = trend == SocketWord::ok || trend == SocketWord::transient;
        return calm && stays.young >= leak_needs ? SocketWord::inconclusive : trend;
    }
    if (report.leaked >= leak_needs) return SocketWord::suspect;
    if (stays.young >= leak_needs) return SocketWord::inconclusive;
    if (!exercised && report.leaked == 0) return SocketWord::not_exercised;
    return word_of_few(report, e);
}

/// A word that says nothing when the server was exchanged meanwhile, or was out of sight.
bool needs_the_whole_watch(SocketWord word) {
    return word == SocketWord::ok || word == SocketWord::transient ||
           word == SocketWord::not_exercised || word == SocketWord::reclaimed ||
           word == SocketWord::bounded;
}

/// What was seen before nothing more was to be seen.
bool stands_when_blind(SocketWord word) {
    return word == SocketWord::build_up || word == SocketWord::accept_stall;
}

SocketWord word_of_alone(const SocketReport& report, const SocketEvidence& e, std::uint64_t sure,
                         Duration watched) {
    if (watched < report.tau) return SocketWord::inconclusive;
    const auto trend = word_of_trend(report, e, true, 0);
    const bool long_enough = watched >= load_for_a_trend(report.tau);
    if (e.reclaimed()) return trend;
    if (trend == SocketWord::accept_stall) return trend;
    if (long_enough && trend == SocketWord::bounded) return trend;
    if (sure >= leak_needs) return SocketWord::leak_confirmed;
    if (long_enough && e.rising() && !e.tail_flat()) return SocketWord::build_up;
    return report.leaked > 0 ? SocketWord::inconclusive : word_of_few(report, e);
}

/// "missiond" of "/usr/bin/missiond --listen ...": the whole command is a fact of its own.
std::string_view program_of(std::string_view command) {
    command = command.substr(0, command.find(' '));
    return command.substr(command.rfind('/') + 1);  // npos + 1 is 0
}

/// Summed over the samples: each watch counts from its own start.
std::optional<std::uint64_t> overflows(std::span<const SocketSample> samples) {
    std::optional<std::uint64_t> sum;
    std::optional<KernelUse> before;
    for (const auto& sample : samples) {
        if (!sample.kernel) continue;
        sum = sum.value_or(0);
        if (before) *sum += counted_since(*sample.kernel, *before).listen_overflows;
        before = sample.kernel;
    }
    return sum;
}

bool same_server(const DetectorInput& input) { return input.listener == ListenerFate::kept; }

/// Why the word cannot be given: the server was exchanged, or out of sight. Else nothing.
std::optional<std::string> doubt_of(SocketWord word, const DetectorInput& input,
                                    std::uint64_t outlived) {
    const auto interrupted = interrupted_text(input, outlived);
    if (interrupted && needs_the_whole_watch(word)) return interrupted;
    const bool doubtful = needs_the_whole_watch(word) || word == SocketWord::inconclusive;
    if (input.gap.matters && doubtful) return input.gap.text;
    return {};
}

/// What happened to server and watch, where the word stands in spite of it.
void add_interruptions(SocketReport& report, const DetectorInput& input, std::uint64_t outlived) {
    const auto interrupted = interrupted_text(input, outlived);
    if (interrupted && report.text != *interrupted) {
        const bool gone = input.listener == ListenerFate::gone;
        report.flags.push_back((gone ? "SERVER_GONE: " : "SERVER_RESTARTED: ") + *interrupted);
    }
    const auto& gap = input.gap.text;
    if (!gap.empty() && report.text != gap) report.flags.push_back("WATCH_GAP: " + gap);
}

}  // namespace

Duration socket_tau(std::optional<Duration> given, Duration slowest_response) {
    if (given) return *given;
    return std::max<Duration>(shortest_tau, 2 * slowest_response);
}

SocketReport judge_load(const CloseWaitTracker& tracker, const DetectorInput& input,
                        const LoadFacts& whole) {
    auto load = tracker.begun_anew() ? whole.since(*tracker.begun_anew()) : whole;
    const LoadStretch stretch{load.begin, load.end, input.now, load.closes, load.closed, false};
    const auto e = gather_evidence(tracker, input.samples, stretch, input.tau);
    auto stays = part(tracker, input, true);
    stays.excused = excused_at_most(stays, load, input.now);
    auto report = start_report(tracker, input, stays, stretch, e);
    const auto blind = blind_text(input);
    if (blind && (!input.sight_lost || input.now <= load.begin)) {
        report.text = *blind;
        return report;
    }
    if (blind) load.settled = false;
    report.word = word_of_load(report, e, stays, load);
    if (blind && !stands_when_blind(report.word)) {
        report.word = SocketWord::unknown;
        report.text = *blind;
    } else if (const auto doubt = doubt_of(report.word, input, stays.outlived)) {
        report.word = SocketWord::inconclusive;
        report.text = *doubt;
    } else {
        report.text = load_text({report, e, input, load, stays.young, stays.excused});
    }
    if (!blind) add_leak_fraction(report, e, load.requests);
    const auto bar = std::max(5.0, 0.002 * static_cast<double>(load.closes));
    add_flags(report, e,
              same_server(input) && static_cast<double>(e.invisible) >= bar &&
                  4 * e.invisible_late >= e.invisible);
    add_interruptions(report, input, stays.outlived);
    if (blind && report.text != *blind) report.flags.push_back("WATCH_GAP: in the end " + *blind);
    return report;
}

SocketReport judge_alone(const CloseWaitTracker& tracker, const DetectorInput& input) {
    LoadStretch stretch{input.now, input.now, input.now, 0, {}, true};
    if (!input.samples.empty()) {
        stretch.begin = tracker.begun_anew().value_or(input.samples.front().at);
        std::uint64_t before = 0;  // of a server that is there no more
        for (const auto& sample : input.samples) {
            if (sample.at < stretch.begin) {
                before = sample.seen;
            } else {
                stretch.closed.push_back({sample.at, sample.seen - before});
            }
        }
        stretch.closes = input.samples.back().seen - before;
    }
    const auto e = gather_evidence(tracker, input.samples, stretch, input.tau);
    const auto stays = part(tracker, input, false);
    auto report = start_report(tracker, input, stays, stretch, e);
    if (const auto why = blind_text(input)) {
        report.text = *why;
        if (input.sight_lost) add_flags(report, e, false);
        return report;
    }
    const auto watched = stretch.end - stretch.begin;
    const auto sure = static_cast<std::uint64_t>(
        std::count_if(stays.old.begin(), stays.old.end(),
                      [&](const auto& s) { return s.age_at_least >= 2 * input.tau; }));
    report.word = word_of_alone(report, e, sure, watched);
    if (const auto doubt = doubt_of(report.word, input, stays.outlived)) {
        report.word = SocketWord::inconclusive;
        report.text = *doubt;
    } else {
        report.text = alone_text(report, e, sure, watched);
    }
    add_flags(report, e, same_server(input) && e.invisible >= 5 && e.invisible_rising);
    add_interruptions(report, input, stays.outlived);
    return report;
}

Duration settle_length(Duration tau, Duration period) {
    const auto first_seen_by = 2 * period;  // from /proc a socket is as old as our first sight
    return std::max(std::min<Duration>(2 * tau, longest_handler), tau + first_seen_by);
}

Duration sampling_period(Duration cost) {
    return std::clamp<Duration>(100 * cost, std::chrono::milliseconds{250},
                                std::chrono::seconds{2});
}

void complete_report(SocketReport& report, const std::optional<ProcessInfo>& holder,
                     std::span<const SocketSample> samples) {
    if (holder) {
        report.pid = holder->pid;
        report.command = holder->command;
        if (report.word == SocketWord::leak_confirmed) {
            report.text += fmt::format(" (pid {}, {})", holder->pid, program_of(holder->command));
        }
    }
    if (samples.empty()) return;
    report.listen_overflows = overflows(samples);
    std::vector<Duration> costs;
    for (const auto& sample : samples) {
        report.close_wait_max = std::max(report.close_wait_max, sample.close_wait);
        costs.push_back(sample.cost);
    }
    const auto middle = costs.begin() + static_cast<std::ptrdiff_t>(costs.size() / 2);
    std::nth_element(costs.begin(), middle, costs.end());
    report.sampling_cost = *middle;
    report.sampling_period = sampling_period(*middle);
}

}  // namespace loadline
