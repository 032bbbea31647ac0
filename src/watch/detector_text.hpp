#pragma once
#include "watch/detector.hpp"

namespace loadline {

/// The sentences of the detector: each says what was counted, so that the word can be checked.

/// Why there is nothing to judge; nothing when there is.
std::optional<std::string> blind_text(const DetectorInput& input);

/// What a change of server makes doubtful: its sockets ended with it, but for those that outlived
/// it. Else nothing.
std::optional<std::string> interrupted_text(const DetectorInput& input, std::uint64_t outlived);

struct LoadTextInput {
    const SocketReport& report;  ///< with its word
    const SocketEvidence& evidence;
    const DetectorInput& input;
    const LoadFacts& load;
    std::uint64_t young;    ///< in CLOSE_WAIT at the end, for less than tau
    std::uint64_t excused;  ///< of those left, which abandoned requests may hold
};
std::string load_text(const LoadTextInput& of);

/// `sure`: how many were stuck for 2 x tau or longer.
std::string alone_text(const SocketReport& report, const SocketEvidence& evidence,
                       std::uint64_t sure, Duration watched);

}  // namespace loadline
