#pragma once
#include <boost/system/error_code.hpp>

namespace loadline {

/// Whether a connection failed for want of our own means (descriptors, ports, memory), which says
/// nothing of the server.
bool is_client_limit(const boost::system::error_code& ec);

}  // namespace loadline
