#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "watch/load_facts.hpp"
#include "watch/socket_report.hpp"

namespace loadline {

/// What one scrape of a Prometheus node_exporter tells of the TCP of its whole machine, or of the
/// network namespace that it runs in.
struct NodeScrape {
    std::array<std::uint32_t, tcp_state_count>
        states{};  ///< sockets, by state; both of their sides
    /// Since boot; nothing without its netstat collector, or with fields that lack those that are
    /// always told. By default it tells ListenDrops and SyncookiesSent besides.
    std::optional<KernelUse> kernel;
};

/// Reads the text format of Prometheus: node_tcp_connection_states and node_netstat_*. Nothing
/// where the former are missing: its tcpstat collector is off, or it is no node_exporter. Pure.
std::optional<NodeScrape> parse_node_scrape(std::string_view text);

/// How many sockets in CLOSE_WAIT more than before must be left to stand out, where `before` were
/// there: 3, and 3 times what such a count varies by when they come and go by themselves.
std::uint64_t outstanding_from(std::uint64_t before);

struct CountInput {
    std::span<const SocketSample> samples;  ///< oldest first; `at`: when it was asked for
    Duration tau{};
    TimePoint now{};
    std::string source;   ///< who counted
    std::string trouble;  ///< why no count comes now; empty: they come
};

/// What the counts of sockets in CLOSE_WAIT of a whole machine say of a load. A count does not tell
/// whose sockets they are, nor how old each is, so the hardest word is SUSPECT:
///
///   UNKNOWN        not counted before the load, or not any more at the end
///   NOT_EXERCISED  fewer than 20 closes, and nothing is left
///   SUSPECT        outstanding_from() more than before are left after the settle time, and we
///                  closed as many
///   INCONCLUSIVE   they are, but the settle time was cut short, or they are no more than the
///                  requests that may still be worked on; or they were not counted for 5 s, and
///                  nothing is left
///   TRANSIENT      there were that many more since it began, and they have gone
///   OK             there never were
///
/// "Before" is the highest count until the load, "left" the lowest of the last 3 s. Pure.
SocketReport judge_counts(const CountInput& input, const LoadFacts& load);

}  // namespace loadline
