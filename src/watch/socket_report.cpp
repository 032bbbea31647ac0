#include "watch/socket_report.hpp"

namespace loadline {

const char* tcp_state_name(std::size_t state) {
    constexpr const char* names[tcp_state_count] = {
        "UNKNOWN", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",   "TIME_WAIT",
        "CLOSE",   "CLOSE_WAIT",  "LAST_ACK", "LISTEN",   "CLOSING",   "NEW_SYN_RECV"};
    return state < tcp_state_count ? names[state] : names[0];
}

const char* to_string(SocketWord word) {
    switch (word) {
        case SocketWord::ok:
            return "OK";
        case SocketWord::leak_confirmed:
            return "LEAK_CONFIRMED";
        case SocketWord::not_exercised:
            return "NOT_EXERCISED";
        case SocketWord::inconclusive:
            return "INCONCLUSIVE";
        case SocketWord::unknown:
            return "UNKNOWN";
    }
    return "UNKNOWN";
}

const char* stuck_class(const StuckSocket& socket) {
    if (socket.inode == 0) return "never accepted";
    if (socket.unsent > 0) return "still sending";
    switch (socket.unread) {
        case 0:
            return "EOF read and not closed";
        case 1:
            return "EOF never read";  // the FIN counts as one byte
        default:
            return "request never read";
    }
}

}  // namespace loadline
