#include "watch/detector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "stats/quantile.hpp"

namespace loadline {
namespace {

constexpr std::uint64_t leak_needs = 3;
constexpr std::uint64_t exercise_needs = 20;
constexpr std::size_t evidence_rows = 20;

std::string sockets(std::uint64_t n) { return n == 1 ? "1 socket" : fmt::format("{} sockets", n); }
const char* are(std::uint64_t n) { return n == 1 ? "is" : "are"; }

StuckSocket evidence(const CloseWaitStay& stay, TimePoint now) {
    StuckSocket stuck;
    stuck.peer = stay.peer;
    stuck.age_at_least = stay.age_at_least(now);
    stuck.age_at_most = now - stay.birth_earliest.value_or(stay.birth_latest);
    stuck.age_bounded = stay.birth_earliest.has_value();
    stuck.unread = stay.unread;
    stuck.unsent = stay.unsent;
    stuck.inode = stay.inode;
    stuck.keep_alive = stay.keep_alive;
    return stuck;
}

/// The live stays, parted by age, oldest first. `before` is filled only where excluded.
struct Stays {
    std::vector<StuckSocket> old;
    std::uint64_t young = 0, before = 0;
};

Stays part(const CloseWaitTracker& tracker, const DetectorInput& input, bool exclude_before) {
    Stays stays;
    for (const auto& [cookie, stay] : tracker.live()) {
        if (stay.missed > 0) continue;  // not in the last sample
        if (exclude_before && stay.before_load) {
            ++stays.before;
        } else if (stay.age_at_least(input.now) < input.tau) {
            ++stays.young;
        } else {
            stays.old.push_back(evidence(stay, input.now));
        }
    }
    std::sort(stays.old.begin(), stays.old.end(), [](const auto& a, const auto& b) {
        return a.age_at_least != b.age_at_least ? a.age_at_least > b.age_at_least : a.peer < b.peer;
    });
    return stays;
}

/// "38 EOF read and not closed, 3 never accepted": most frequent first.
std::string classes(const std::vector<StuckSocket>& stuck) {
    std::vector<std::pair<std::uint64_t, std::string_view>> counts;
    for (const auto& socket : stuck) {
        const std::string_view name = stuck_class(socket);
        auto place = std::find_if(counts.begin(), counts.end(),
                                  [&](const auto& entry) { return entry.second == name; });
        if (place == counts.end()) place = counts.insert(counts.end(), {0, name});
        ++place->first;
    }
    std::sort(counts.begin(), counts.end(), std::greater{});
    std::string text;
    for (const auto& [count, name] : counts) {
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, name);
    }
    return text;
}

/// Why there is nothing to judge; nothing when there is.
std::optional<std::string> blind(const DetectorInput& input) {
    if (!input.unreadable.empty()) {
        return fmt::format("the sockets of port {} cannot be seen: {}", input.port,
                           input.unreadable);
    }
    if (input.listener == ListenerFate::never_seen) {
        return fmt::format(
            "nothing listens on port {} in this network namespace: watch where the server runs",
            input.port);
    }
    return {};
}

/// What a change of server makes doubtful: its sockets ended with it.
std::optional<std::string> interrupted(const DetectorInput& input) {
    if (input.listener == ListenerFate::gone) {
        return fmt::format("the server stopped listening on port {} while it was watched",
                           input.port);
    }
    if (input.listener == ListenerFate::replaced) {
        return fmt::format(
            "another socket listens on port {} now: the server was restarted, and what it "
            "leaked before is gone",
            input.port);
    }
    return {};
}

SocketReport start_report(const DetectorInput& input, Stays& stays) {
    SocketReport report;
    report.port = input.port;
    report.tau = input.tau;
    report.leaked = stays.old.size();
    report.before = stays.before;
    report.oldest.assign(
        stays.old.begin(),
        stays.old.begin() + static_cast<std::ptrdiff_t>(std::min(stays.old.size(), evidence_rows)));
    return report;
}

void judge(SocketReport& report, SocketWord word, std::string text) {
    report.word = word;
    report.text = std::move(text);
}

}  // namespace

Duration socket_tau(std::optional<Duration> given, Duration slowest_response) {
    if (given) return *given;
    return std::max<Duration>(std::chrono::seconds{5}, 2 * slowest_response);
}

SocketReport judge_load(const CloseWaitTracker& tracker, const DetectorInput& input,
                        const LoadFacts& load) {
    auto stays = part(tracker, input, true);
    auto report = start_report(input, stays);
    report.closes = load.closes;
    if (const auto why = blind(input)) {
        judge(report, SocketWord::unknown, *why);
        return report;
    }
    const auto& old = stays.old;
    if (load.closes > 0) {
        const auto hits = std::min<std::uint64_t>(old.size(), load.closes);
        const auto bounds = wilson_interval(hits, load.closes);
        report.leak_fraction = static_cast<double>(hits) / static_cast<double>(load.closes);
        report.leak_fraction_interval = {bounds.low, bounds.high};
    }
    const auto since =
        load.closed_at
            ? fmt::format("{} after the drain", format_duration(input.now - *load.closed_at))
            : fmt::format("after {} or longer", format_duration(input.tau));
    const auto stay = fmt::format("{} of {} closed connections {} still in CLOSE_WAIT {}",
                                  old.size(), load.closes, are(old.size()), since);

    if (old.size() >= leak_needs && load.settled) {
        judge(report, SocketWord::leak_confirmed, fmt::format("{}: {}", stay, classes(old)));
    } else if (!load.settled && old.size() + stays.young > 0) {
        judge(report, SocketWord::inconclusive,
              fmt::format("{} {} in CLOSE_WAIT, but the settle time was cut short",
                          sockets(old.size() + stays.young), are(old.size() + stays.young)));
    } else if (const auto why = interrupted(input)) {
        judge(report, SocketWord::inconclusive, *why);
    } else if (stays.young >= leak_needs) {
        judge(report, SocketWord::inconclusive,
              fmt::format(
                  "{} {} in CLOSE_WAIT, but not yet for {}: does anybody else use the server?",
                  sockets(stays.young), are(stays.young), format_duration(input.tau)));
    } else if (load.closes < exercise_needs && old.empty()) {
        judge(report, SocketWord::not_exercised,
              fmt::format("only {} connection{} closed: too few to show a leak (needs {})",
                          load.closes, load.closes == 1 ? " was" : "s were", exercise_needs));
    } else {
        judge(report, SocketWord::ok,
              old.empty()
                  ? fmt::format("none of {} closed connections is left in CLOSE_WAIT", load.closes)
                  : fmt::format("{}: fewer than {} are not called a leak", stay, leak_needs));
    }
    if (report.before > 0) {
        report.text += fmt::format(" ({} in CLOSE_WAIT from before the load {} not counted)",
                                   sockets(report.before), are(report.before));
    }
    return report;
}

SocketReport judge_alone(const CloseWaitTracker& tracker, const DetectorInput& input,
                         Duration watched) {
    auto stays = part(tracker, input, false);
    auto report = start_report(input, stays);
    if (const auto why = blind(input)) {
        judge(report, SocketWord::unknown, *why);
        return report;
    }
    const auto& old = stays.old;
    const auto sure = static_cast<std::uint64_t>(std::count_if(
        old.begin(), old.end(), [&](const auto& s) { return s.age_at_least >= 2 * input.tau; }));
    const auto there =
        old.empty() ? std::string{}
                    : fmt::format("{} {} in CLOSE_WAIT for {} or longer: {}", sockets(old.size()),
                                  are(old.size()), format_duration(input.tau), classes(old));

    if (watched < input.tau) {
        judge(report, SocketWord::inconclusive,
              fmt::format("watched for {} only, less than tau ({}){}{}", format_duration(watched),
                          format_duration(input.tau), there.empty() ? "" : "; ", there));
    } else if (sure >= leak_needs) {
        judge(report, SocketWord::leak_confirmed,
              fmt::format("{}; {} of them for {} or longer", there, sure,
                          format_duration(2 * input.tau)));
    } else if (const auto why = interrupted(input)) {
        judge(report, SocketWord::inconclusive, *why);
    } else if (!old.empty()) {
        judge(report, SocketWord::inconclusive,
              fmt::format("{}; {} of them for {} or longer, a leak needs {}", there, sure,
                          format_duration(2 * input.tau), leak_needs));
    } else {
        judge(
            report, SocketWord::ok,
            fmt::format("no socket is in CLOSE_WAIT for {} or longer", format_duration(input.tau)));
    }
    return report;
}

}  // namespace loadline
