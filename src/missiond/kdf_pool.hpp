#pragma once
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <string>

#include "net/later.hpp"

namespace loadline::missiond {

/// Hashes passwords on threads of its own, so that a login never delays a bet on
/// its I/O thread. Called on an I/O thread; the answer comes back on it.
class KdfPool {
public:
    KdfPool(unsigned threads, unsigned rounds);
    ~KdfPool();  ///< drops what has not begun

    /// Whether so many wait that more would only add to the delay: answer 503 then.
    bool overloaded() const { return waiting() >= 4096; }
    std::size_t waiting() const { return waiting_.load(std::memory_order_relaxed); }
    unsigned rounds() const { return rounds_; }

    Later<std::string> hash(boost::asio::io_context& home, std::string password);
    /// An empty `stored` takes as long and is false.
    Later<bool> matches(boost::asio::io_context& home, std::string password, std::string stored);

private:
    template <class T, class Work>
    Later<T> compute(boost::asio::io_context& home, Work work);

    const unsigned rounds_;
    std::atomic<std::size_t> waiting_{0};
    boost::asio::thread_pool pool_;
};

}  // namespace loadline::missiond
