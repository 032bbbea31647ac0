#pragma once
#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>
#include <utility>

namespace loadline {

/// What kind of trouble an Error is: decides the exit code.
enum class ErrorKind {
    usage,        ///< flags, scenario, pre-flight check, unwritable --out: exit 2
    unreachable,  ///< target or Redis never answered: exit 3
    output,       ///< a report could not be written later: exit 70
    internal,     ///< our own fault: exit 70
};

/// An error of the cold paths (files, command line, set-up). The message says
/// where, what and how to mend it; it may have several lines and ends without one.
/// On the exchange path failures are `Outcome`s instead.
struct Error {
    ErrorKind kind = ErrorKind::internal;
    std::string message;

    Error() = default;
    Error(ErrorKind k, std::string m) : kind{k}, message{std::move(m)} {}
};

/// What boost::system::result calls when value() is asked of an error.
[[noreturn]] inline void throw_exception_from_error(const Error& e, const boost::source_location&) {
    throw std::logic_error("value() of an error: " + e.message);
}

template <class T>
using Result = boost::system::result<T, Error>;

inline Error usage_error(std::string message) { return {ErrorKind::usage, std::move(message)}; }
inline Error unreachable_error(std::string message) {
    return {ErrorKind::unreachable, std::move(message)};
}
inline Error output_error(std::string message) { return {ErrorKind::output, std::move(message)}; }
inline Error internal_error(std::string message) {
    return {ErrorKind::internal, std::move(message)};
}

}  // namespace loadline
