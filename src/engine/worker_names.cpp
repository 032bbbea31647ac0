#include <algorithm>

#include "engine/worker.hpp"

// Names: a target's addresses are asked for again when they are older than the plan allows.
// One question per target at a time; every connection to be opened meanwhile waits for its
// answer. The resolver cannot be called off: a worker that ends waits for it, at most as long
// as the system's resolver takes (see resolv.conf).
namespace loadline {
namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using State = PooledConnection::State;

namespace {

/// Those of `found` that can be reached from our own addresses: the families must be the same.
std::vector<Endpoint> reachable(const tcp::resolver::results_type& found,
                                const std::vector<Endpoint>& from) {
    std::vector<Endpoint> all;
    for (const auto& entry : found) {
        const Endpoint endpoint{entry.endpoint()};
        const bool fits = std::all_of(from.begin(), from.end(), [&](const Endpoint& ours) {
            return ours.protocol().family() == endpoint.protocol().family();
        });
        if (fits && std::find(all.begin(), all.end(), endpoint) == all.end()) {
            all.push_back(endpoint);
        }
    }
    return all;
}

}  // namespace

bool Worker::addresses_are_old(const ConnectionPool& pool) const {
    const auto& ttl = plan_->timeouts.dns_ttl;
    return ttl && pool.by_name && now_ - pool.resolved_at >= *ttl;
}

void Worker::await_addresses(PooledConnection& connection) {
    auto& pool = pools_[connection.pool];
    connection.state = State::resolving;
    if (!pool.resolving) ask_resolver(pool);
}

void Worker::ask_resolver(ConnectionPool& pool) {
    pool.resolving = true;
    const auto& url = pool.target->url;
    resolver_.async_resolve(url.host, std::to_string(url.port), tcp::resolver::numeric_service,
                            [this, &pool](error_code ec, const tcp::resolver::results_type& found) {
                                now_ = Clock::now();
                                if (ec) return resolved(pool, {}, ec.message());
                                resolved(pool, reachable(found, pool.route.from),
                                         "no address fits our own");
                            });
}

/// Lets the connections that waited go on. `problem` is what to say when nothing was found.
void Worker::resolved(ConnectionPool& pool, std::vector<Endpoint> found,
                      const std::string& problem) {
    pool.resolving = false;
    std::vector<PooledConnection*> waited;  // a failed one may be opened anew, and wait again
    for (const auto& connection : pool.all) {
        if (connection->state == State::resolving) waited.push_back(connection.get());
    }
    const bool nothing = found.empty();
    if (!nothing) {
        pool.route.to = std::move(found);
        pool.resolved_at = now_;
    }
    for (auto* connection : waited) {
        if (nothing) {
            failure_detail_ = problem;
            connect_failed(*connection, Outcome::resolve_error);
            continue;
        }
        connection->resolve_time = now_ - connection->phase_started;
        connection->phase_started = now_;
        connect(*connection);
    }
}

}  // namespace loadline
