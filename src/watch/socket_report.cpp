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
        case SocketWord::transient:
            return "TRANSIENT";
        case SocketWord::bounded:
            return "BOUNDED";
        case SocketWord::reclaimed:
            return "RECLAIMED";
        case SocketWord::build_up:
            return "BUILD_UP";
        case SocketWord::suspect:
            return "SUSPECT";
        case SocketWord::leak_confirmed:
            return "LEAK_CONFIRMED";
        case SocketWord::accept_stall:
            return "ACCEPT_STALL";
        case SocketWord::not_exercised:
            return "NOT_EXERCISED";
        case SocketWord::inconclusive:
            return "INCONCLUSIVE";
        case SocketWord::unknown:
            return "UNKNOWN";
    }
    return "UNKNOWN";
}

const char* to_string(StuckClass what) {
    switch (what) {
        case StuckClass::never_accepted:
            return "never accepted";
        case StuckClass::eof_not_closed:
            return "EOF read and not closed";
        case StuckClass::eof_never_read:
            return "EOF never read";
        case StuckClass::request_never_read:
            return "request never read";
        case StuckClass::still_sending:
            return "still sending";
    }
    return "";
}

StuckClass stuck_class(std::uint64_t inode, std::uint32_t unread, std::uint32_t unsent) {
    if (inode == 0) return StuckClass::never_accepted;
    if (unsent > 0) return StuckClass::still_sending;
    if (unread == 0) return StuckClass::eof_not_closed;
    return unread == 1 ? StuckClass::eof_never_read : StuckClass::request_never_read;
}

StuckClass stuck_class(const StuckSocket& socket) {
    return stuck_class(socket.inode, socket.unread, socket.unsent);
}

bool fails(const SocketReport& report) {
    return report.word == SocketWord::leak_confirmed || report.fd_exhausted ||
           (report.strict && warns(report));
}

bool warns(const SocketReport& report) {
    return report.word == SocketWord::build_up || report.word == SocketWord::suspect;
}

}  // namespace loadline
