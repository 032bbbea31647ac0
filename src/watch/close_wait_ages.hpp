#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <unordered_map>

#include "watch/sock_diag.hpp"

namespace loadline {

/// Since when the peers of the sockets in CLOSE_WAIT have been silent. TCP_INFO, which says so, is
/// a sixth of what a sample costs, and one answer is enough for a socket: its instants are kept
/// as they were first told, and later samples ask only for the sockets that are new in the
/// state. Not thread-safe.
class CloseWaitAges {
public:
    /// Puts the ages into the record of one socket that was just seen, if it is still there.
    using AskForOne = std::function<std::optional<DumpError>(SocketRecord&)>;

    /// Whether the next dump should bring TCP_INFO of all sockets: the first one, one after a
    /// read in which so many were new that one by one is dearer, or an answer failed, and all
    /// once the kernel refused to answer for one.
    bool better_with_dump() const { return better_with_dump_; }

    /// Times all records in CLOSE_WAIT of one complete read, whose dump brought TCP_INFO if
    /// `better_with_dump` said so. New ones have the ages that they are told with. One that went
    /// away meanwhile stays without ages; so do all that are new when an answer fails.
    void complete(std::span<SocketRecord> records, const std::function<TimePoint()>& clock,
                  const AskForOne& ask);

private:
    struct Instants {
        TimePoint last_ack{}, last_data{};
        std::uint64_t read = 0;  ///< the latest read that had the socket
    };
    void ask_for(SocketRecord& record, const AskForOne& ask);

    std::unordered_map<std::uint64_t, Instants>
        known_;  ///< by cookie; those of the latest two reads
    std::uint64_t reads_ = 0;
    bool better_with_dump_ = true;
    bool failed_ = false;   ///< an answer, in the latest read
    bool refused_ = false;  ///< for ever
};

}  // namespace loadline
