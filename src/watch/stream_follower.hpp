#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "watch/evidence.hpp"
#include "watch/listener_follower.hpp"
#include "watch/stream_reader.hpp"

namespace loadline {

class OwnSockets;

/// Where the clock of another machine stands against ours, from lines that took some time to
/// come: none was received before it was written, so the smallest difference that was seen is
/// the nearest; it is too large by the shortest time that a line took. Pure.
class ClockMap {
public:
    /// A line of this boot written at `theirs` was received at `ours`. On our own boot the clocks
    /// are one, whatever the lines say.
    void add(const std::string& boot_id, TimePoint theirs, TimePoint ours);
    TimePoint ours(TimePoint theirs) const { return theirs + offset_.value_or(Duration{}); }
    bool same_clock() const { return same_; }

private:
    std::string boot_id_;
    bool same_ = false;
    std::optional<Duration> offset_;
};

/// Follows the stream of a watcher that runs beside the server, and has from it what a watcher
/// of our own has: samples on our clock, the tracker, the listeners' fate. The first line that is
/// taken is the first sample: what is in CLOSE_WAIT then was there before the load.
///
/// A line that comes twice counts once. After missing lines those are skipped that do not stand
/// on their own. When the watcher is started again the sockets it finds are the same ones; when
/// it comes back on another boot or in another network namespace, it is another server: the
/// tracker begins anew, and the server counts as restarted.
///
/// Pure: time is passed in. Not thread-safe.
class StreamFollower {
public:
    /// `tau` as given to a watcher. `record` takes the recording (as WatchOptions::record), on our
    /// clock and without gaps; may be empty. `own`: as WatchOptions::own; may be null.
    StreamFollower(std::optional<Duration> tau, std::function<void(const std::string&)> record,
                   std::shared_ptr<const OwnSockets> own = nullptr);

    /// Lines from before the load, oldest first, from one on that tells all sockets: they say
    /// which there are, and make no sample.
    void look_back(std::string_view line);
    /// The next line, received at `now`.
    void take(std::string_view line, TimePoint now);
    /// Counts the stale ones of all samples anew: see watch/evidence.
    void recount(Duration tau) { recount_stale(samples_, tracker_, tau); }
    /// Ends the recording.
    void record_end(const RecordedEnd& end);

    std::uint16_t port() const { return port_; }
    const CloseWaitTracker& tracker() const { return tracker_; }
    const std::vector<SocketSample>& samples() const { return samples_; }
    ListenerFate listener() const { return listener_; }
    const std::optional<ProcessInfo>& owner() const { return owner_; }
    /// Of the oldest stale socket, where the watcher found it; else who listens.
    const std::optional<ProcessInfo>& holder() const { return holder_ ? holder_ : owner_; }
    /// Why the latest sample failed there; empty: it did not.
    const std::string& failure() const { return failure_; }
    /// Why the stream cannot be relied on; empty: it can.
    const std::string& trouble() const { return trouble_; }
    bool ended() const { return ended_; }  ///< the watcher has said goodbye
    std::uint64_t lost() const { return lost_; }
    /// Lines that came and could not be understood, as none before them told all sockets.
    std::uint64_t skipped() const { return skipped_; }
    std::uint32_t restarts() const { return restarts_; }  ///< another process listened than before

private:
    void take_sample(StreamRead& read, TimePoint now);
    void leave_out_own(std::vector<SocketRecord>& sockets, TimePoint at);
    void record_failure(const StreamRead& read, TimePoint now);
    void come_from_elsewhere();
    void note_owner(const std::optional<ProcessInfo>& owner);

    std::optional<Duration> tau_;
    std::function<void(const std::string&)> record_;
    std::shared_ptr<const OwnSockets> own_;
    std::set<std::uint64_t> own_cookies_;  ///< of own_ that are still there
    SocketStreamReader reader_;
    ClockMap clock_;
    std::optional<SocketStreamWriter> writer_;
    CloseWaitTracker tracker_;
    ListenerFollower listeners_;
    std::vector<SocketSample> samples_;
    std::uint16_t port_ = 0;
    ListenerFate listener_ = ListenerFate::never_seen;
    bool another_server_ = false;
    std::optional<ProcessInfo> owner_, holder_;
    std::optional<int> pid_;  ///< the latest that was seen
    std::string failure_, trouble_;
    bool ended_ = false;
    std::uint64_t lost_ = 0, skipped_ = 0;
    std::uint32_t restarts_ = 0;
};

}  // namespace loadline
