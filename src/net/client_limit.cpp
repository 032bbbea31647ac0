#include "net/client_limit.hpp"

#include <boost/asio/error.hpp>

namespace loadline {

bool is_client_limit(const boost::system::error_code& ec) {
    using namespace boost::asio::error;
    return ec == no_descriptors || ec == boost::system::errc::too_many_files_open_in_system ||
           ec == boost::system::errc::address_not_available || ec == address_in_use ||
           ec == no_buffer_space || ec == no_memory;
}

}  // namespace loadline
