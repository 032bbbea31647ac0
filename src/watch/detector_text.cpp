#include "watch/detector_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

namespace loadline {
namespace {

constexpr std::uint64_t needed_to_judge = 20;

std::string sockets(std::uint64_t n) { return n == 1 ? "1 socket" : fmt::format("{} sockets", n); }
const char* are(std::uint64_t n) { return n == 1 ? "is" : "are"; }
std::string time(Duration d) { return format_duration(d); }

/// "38 EOF read and not closed, 3 never accepted": most frequent first.
std::string classes(const StuckClassCounts& counts) {
    std::vector<std::pair<std::uint32_t, std::string>> rows;
    for (std::size_t i = 0; i < counts.size(); ++i) {
        if (counts[i] > 0) rows.emplace_back(counts[i], to_string(static_cast<StuckClass>(i)));
    }
    std::sort(rows.begin(), rows.end(), std::greater{});
    std::string text;
    for (const auto& [count, name] : rows) {
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, name);
    }
    return text;
}

std::string rise(const StaleTrend& trend) {
    return fmt::format(
        "the stale ones rose from {} to {} during the load ({:.2g}/s, 95 % {:.2g} "
        "to {:.2g})",
        trend.first, trend.last, trend.per_s, trend.per_s_interval[0], trend.per_s_interval[1]);
}

std::string stayed(const SocketReport& report) {
    if (!report.dwell) return {};
    return fmt::format("sockets stayed in CLOSE_WAIT for up to {}", time(report.dwell->max));
}

std::string reclaimed(const SocketReport& report, const SocketEvidence& e) {
    return fmt::format("up to {} in CLOSE_WAIT for {} or longer, but such ones go: {} went",
                       sockets(e.stale.highest), time(report.tau), e.old_gone);
}

std::string stalled(const SocketReport& report, const SocketEvidence& e) {
    std::uint32_t sum = 0;
    for (const auto count : report.classes) sum += count;
    return fmt::format(
        "{} of {} stale sockets were never accepted; {} connections stood in an "
        "accept queue of {}",
        report.classes[static_cast<std::size_t>(StuckClass::never_accepted)], sum,
        e.accept_queue_max, e.backlog);
}

std::string bounded(const SocketReport& report, const SocketEvidence& e, const char* closes) {
    const auto count = std::max<std::uint64_t>(report.leaked, e.stale.last);
    return fmt::format("{} {} stuck in CLOSE_WAIT, but no more came in the last {} ({} {}): {}",
                       sockets(count), are(count), time(e.tail_length), e.closes_in_tail, closes,
                       classes(report.classes));
}

/// What kept a SUSPECT from being more.
std::string doubt(const LoadTextInput& of) {
    const auto length = of.load.end - of.load.begin;
    const auto needed = load_for_a_trend(of.report.tau);
    if (of.load.closes < needed_to_judge) {
        return fmt::format("{} closes are too few to confirm a leak (needs {})", of.load.closes,
                           needed_to_judge);
    }
    if (length < needed) {
        return fmt::format("a load of {} is too short to see whether they grow (needs {})",
                           time(length), time(needed));
    }
    if (of.evidence.closes_matured < needed_to_judge) {
        return "nearly all connections were closed at the end of the load, so nobody saw them grow";
    }
    return "they did not grow steadily during the load";
}

/// What kept a BUILD_UP from being a leak.
std::string no_leak_yet(const LoadTextInput& of) {
    const auto& e = of.evidence;
    if (of.input.sight_lost) return "what became of them was not seen";
    if (!of.load.settled) return "the settle time was cut short";
    if (e.nobody_left() && of.excused > 0) {
        return fmt::format(
            "{} of the {} that are left may be held by requests that got no answer in time: the "
            "server may work on those still (--socket-tau says for how long)",
            of.excused, of.report.leaked);
    }
    return fmt::format("{} of the {} went after it", e.departed, e.cohort);
}

/// What a confirmed leak does not rest on.
std::string though(std::uint64_t excused) {
    if (excused == 0) return {};
    return fmt::format(" (at most {} of them held by requests that got no answer in time)",
                       excused);
}

std::string from_before(std::uint64_t before) {
    if (before == 0) return {};
    return fmt::format(" ({} in CLOSE_WAIT from before the load {} not counted)", sockets(before),
                       are(before));
}

std::string sentence(const LoadTextInput& of) {
    const auto& report = of.report;
    const auto& e = of.evidence;
    const auto since = of.load.closed_at ? fmt::format("{} after the drain",
                                                       time(of.input.now - *of.load.closed_at))
                                         : fmt::format("after {} or longer", time(report.tau));
    const auto stay = fmt::format("{} of {} closed connections {} still in CLOSE_WAIT {}",
                                  report.leaked, report.closes, are(report.leaked), since);
    const auto none =
        fmt::format("none of {} closed connections is left in CLOSE_WAIT", report.closes);
    switch (report.word) {
        case SocketWord::ok:
            return none;
        case SocketWord::transient:
            if (report.leaked > 0) {
                return stay + ": fewer than 3 are not called a leak";
            }
            return report.dwell ? fmt::format("{}, and {}", stayed(report), none) : none;
        case SocketWord::bounded:
            return bounded(report, e, "closes");
        case SocketWord::reclaimed:
            return reclaimed(report, e) +
                   (report.leaked > 0
                        ? fmt::format("; {} {} left", report.leaked, are(report.leaked))
                        : ", and none is left");
        case SocketWord::build_up:
            return fmt::format("{}; {}", rise(e.stale), no_leak_yet(of));
        case SocketWord::suspect:
            return fmt::format("{}: {}; {}", stay, classes(report.classes), doubt(of));
        case SocketWord::leak_confirmed:
            return fmt::format("{}{}: {}; {}", stay, though(of.excused), classes(report.classes),
                               rise(e.stale));
        case SocketWord::accept_stall:
            return stalled(report, e);
        case SocketWord::not_exercised:
            return fmt::format("only {} connection{} closed: too few to show a leak (needs {})",
                               report.closes, report.closes == 1 ? " was" : "s were",
                               needed_to_judge);
        case SocketWord::inconclusive: {
            const auto there = report.leaked + of.young;
            if (!of.load.settled) {
                return fmt::format("{} {} in CLOSE_WAIT, but the settle time was cut short",
                                   sockets(there), are(there));
            }
            return fmt::format(
                "{} {} in CLOSE_WAIT, but not yet for {}: does anybody else use the server?",
                sockets(of.young), are(of.young), time(report.tau));
        }
        case SocketWord::unknown:
            break;
    }
    return {};
}

}  // namespace

std::optional<std::string> blind_text(const DetectorInput& input) {
    if (!input.unreadable.empty() && input.port == 0) {
        return "the server's sockets were not seen: " + input.unreadable;
    }
    if (!input.unreadable.empty()) {
        return fmt::format("the sockets of port {} cannot be seen: {}", input.port,
                           input.unreadable);
    }
    if (input.listener == ListenerFate::never_seen) {
        return fmt::format(
            "nothing listens on port {} in the watched network namespace: watch where the server "
            "runs (--watch-container-pid)",
            input.port);
    }
    return {};
}

std::optional<std::string> interrupted_text(const DetectorInput& input, std::uint64_t outlived) {
    if (input.listener == ListenerFate::gone) {
        return fmt::format("the server stopped listening on port {} while it was watched",
                           input.port);
    }
    if (input.listener == ListenerFate::replaced && outlived > 0) {
        return fmt::format(
            "another socket listens on port {} now, but {} of before {} still held: the process "
            "that listened before has not ended",
            input.port, sockets(outlived), are(outlived));
    }
    if (input.listener == ListenerFate::replaced) {
        return fmt::format(
            "another socket listens on port {} now: the server was restarted, and what it "
            "leaked before is gone",
            input.port);
    }
    return {};
}

std::string load_text(const LoadTextInput& of) {
    return sentence(of) + from_before(of.report.before);
}

std::string alone_text(const SocketReport& report, const SocketEvidence& e, std::uint64_t sure,
                       Duration watched) {
    const auto there = report.leaked == 0 ? std::string{}
                                          : fmt::format("{} {} in CLOSE_WAIT for {} or longer: {}",
                                                        sockets(report.leaked), are(report.leaked),
                                                        time(report.tau), classes(report.classes));
    switch (report.word) {
        case SocketWord::ok:
            return fmt::format("no socket is in CLOSE_WAIT for {} or longer", time(report.tau));
        case SocketWord::transient:
            return report.dwell
                       ? stayed(report) + ", but they went"
                       : fmt::format("no socket is in CLOSE_WAIT for {} or longer any more",
                                     time(report.tau));
        case SocketWord::bounded:
            return bounded(report, e, "seen closes");
        case SocketWord::reclaimed:
            return reclaimed(report, e);
        case SocketWord::build_up:
            return rise(e.stale);
        case SocketWord::leak_confirmed:
            return fmt::format("{}; {} of them for {} or longer", there, sure,
                               time(2 * report.tau));
        case SocketWord::accept_stall:
            return stalled(report, e);
        default:
            break;
    }
    if (watched < report.tau) {
        return fmt::format("watched for {} only, less than tau ({}){}{}", time(watched),
                           time(report.tau), there.empty() ? "" : "; ", there);
    }
    return fmt::format("{}; {} of them for {} or longer, a leak needs 3", there, sure,
                       time(2 * report.tau));
}

}  // namespace loadline
