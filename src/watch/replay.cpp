#include <fmt/format.h>

#include <algorithm>
#include <istream>
#include <nlohmann/json.hpp>

#include "watch/evidence.hpp"
#include "watch/listener_follower.hpp"
#include "watch/stream_reader.hpp"

namespace loadline {
namespace {

using Kind = StreamRead::Kind;

/// Of the line that says that the recording goes no further: its bytes.
std::optional<std::uint64_t> cut_after(const nlohmann::json& line) {
    if (!line.is_object() || !line.contains("cut")) return {};
    const auto& cut = line.at("cut");
    const bool whole = cut.is_object() && cut.contains("bytes") && cut["bytes"].is_number();
    return whole ? cut["bytes"].get<std::uint64_t>() : 0;
}

/// Feeds the recorded sockets through the tracker again, as if they were sampled.
class Replay {
public:
    void add(const StreamRead& read) {
        if (!tracker_) {
            port_ = read.port;
            tau_ = sampled_tau_ = read.tau;
            tracker_.emplace(std::min(shortest_tau, tau_));
        }
        lost_ += read.missing;
        switch (read.kind) {
            case Kind::sample:
                add_sample(read);
                break;
            case Kind::failure:
                failure_ = read.failure;
                sight_lost_ = true;
                break;
            case Kind::end:
                tau_ = read.tau;
                holder_ = read.holder;
                load_ = read.load;
                gap_ = read.gap;
                source_ = read.source;
                if (!read.unreadable.empty()) {
                    failure_ = read.unreadable;
                    sight_lost_ = read.sight_lost;
                }
                break;
            case Kind::skipped:
                ++lost_;
                break;
            case Kind::repeated:
            case Kind::foreign:
                break;
        }
    }

    void cut_off(std::uint64_t bytes) { cut_off_ = bytes; }
    bool empty() const { return !tracker_; }

    SocketReport report() {
        DetectorInput input;
        input.port = port_;
        input.tau = tau_;
        if (tau_ != sampled_tau_) recount_stale(samples_, *tracker_, tau_);
        input.samples = samples_;
        if (!samples_.empty()) input.now = samples_.back().at;
        input.listener = listener_;
        input.unreadable = failure_;
        input.sight_lost = !failure_.empty() && sight_lost_ && !cut_off_;
        input.source = source_;
        input.gap = gap();
        if (cut_off_) {
            input.unreadable = fmt::format(
                "the recording stopped at {} MiB, so that it did not grow without limit, and "
                "cannot give the verdict again: the run's summary.json has it",
                *cut_off_ >> 20);
        }
        auto report = load_ ? judge_load(*tracker_, input, *load_) : judge_alone(*tracker_, input);
        complete_report(report, holder_, samples_);
        return report;
    }

private:
    void add_sample(const StreamRead& read) {
        failure_.clear();
        listeners_.add(read.sockets);
        if (!samples_.empty()) tracker_->follow(listeners_.change(read.change), read.sample.at);
        listener_ = read.listener;
        holder_ = read.holder ? read.holder : read.owner;
        auto sample = read.sample;
        tracker_->add(sample.at, read.sockets);
        sample.seen = tracker_->ended_count() + tracker_->live().size();
        samples_.push_back(sample);
    }

    /// As the watch found it; what is missing from the recording itself weighs more.
    WatchGap gap() const {
        if (lost_ == 0 || samples_.empty()) return gap_;
        const auto begin = load_ ? load_->begin : samples_.front().at;
        return find_gap(samples_, {begin, samples_.back().at, tau_, lost_});
    }

    std::uint16_t port_ = 0;
    Duration tau_{}, sampled_tau_{};
    std::optional<CloseWaitTracker> tracker_;
    std::vector<SocketSample> samples_;
    ListenerFollower listeners_;
    ListenerFate listener_ = ListenerFate::never_seen;
    std::string failure_, source_;
    bool sight_lost_ = false;
    std::optional<ProcessInfo> holder_;
    std::optional<LoadFacts> load_;
    WatchGap gap_;
    std::uint64_t lost_ = 0;
    std::optional<std::uint64_t> cut_off_;
};

}  // namespace

Result<SocketReport> replay_sockets(std::istream& lines) {
    SocketStreamReader reader;
    Replay replay;
    std::string line;
    for (int number = 1; std::getline(lines, line); ++number) {
        const bool cut_off = lines.eof();  // no end of line behind it: still being written
        const auto json = nlohmann::json::parse(line, nullptr, false);
        if (json.is_object() && json.contains("type")) continue;
        if (cut_off && json.is_discarded()) break;
        if (const auto bytes = cut_after(json)) {
            replay.cut_off(*bytes);
            break;
        }
        const auto read = reader.take(json);
        if (!read) {
            const bool other = read.error().message.starts_with("is none");
            return usage_error(
                fmt::format("line {}{} {}", number, other ? "" : ":", read.error().message));
        }
        replay.add(*read);
    }
    if (replay.empty()) return usage_error("there is no sample in it");
    return replay.report();
}

}  // namespace loadline
