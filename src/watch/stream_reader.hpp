#pragma once
#include <nlohmann/json_fwd.hpp>
#include <set>

#include "watch/stream.hpp"

namespace loadline {

/// What one line of a stream said, together with all that went before it.
struct StreamRead {
    enum class Kind : std::uint8_t {
        sample,
        failure,
        end,
        repeated,  ///< was taken before
        skipped,   ///< lines before it are missing, and it does not tell all: nothing to rely on
        foreign,   ///< of another watch, which another one has replaced: two write at a time
    };
    Kind kind = Kind::sample;
    std::uint64_t missing = 0;  ///< lines between this and the one before it

    std::uint16_t port = 0;
    Duration tau{};
    std::string boot_id;
    std::optional<std::uint64_t> netns;
    /// `at` is on the writer's clock; `seen` is left to the tracker.
    SocketSample sample;
    /// Those that listen and those in CLOSE_WAIT, of these all that a tracker needs.
    std::vector<SocketRecord> sockets;
    ListenerFate listener = ListenerFate::kept;
    /// As the writer saw it; `elsewhere` also when another boot or network namespace than before
    /// is named. Nothing: to be seen by who listens.
    std::optional<ServerChange> change;
    std::optional<ProcessInfo> owner, holder;
    std::string failure;
    std::optional<LoadFacts> load;  ///< of the end
    WatchGap gap;                   ///< likewise
    std::string source;             ///< likewise
    std::string unreadable;         ///< likewise
    bool sight_lost = false;        ///< likewise
};

/// Turns the lines of a stream back into samples: the counterpart of SocketStreamWriter. Pure;
/// not thread-safe.
class SocketStreamReader {
public:
    /// Takes one line in. Lines of another "v", and what is no line of ours, are usage errors:
    /// the text is for "line 7: ..."; the reader stays as it was.
    Result<StreamRead> take(std::string_view line);
    Result<StreamRead> take(const nlohmann::json& line);

private:
    /// A socket in CLOSE_WAIT; not present: missing from the latest sample.
    struct Known {
        SocketRecord record;  ///< its ages as of `born`
        TimePoint born{};
        KeepAliveTimer keep_alive;
        bool present = false;
    };

    StreamRead understand(const nlohmann::json& line);
    StreamRead::Kind place_in_order(const nlohmann::json& line, StreamRead& read);
    void take_sample(const nlohmann::json& line, StreamRead& read);
    void begin(const nlohmann::json& born, TimePoint at);
    void update(const nlohmann::json& changed, TimePoint at);

    std::string session_;
    std::set<std::string> sessions_before_;
    std::uint64_t latest_ = 0;  ///< number of the latest line
    bool in_step_ = true;
    std::string boot_id_;
    std::optional<std::uint64_t> netns_;
    std::unordered_map<std::uint64_t, Known> sockets_;
};

}  // namespace loadline
