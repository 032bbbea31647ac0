#pragma once
#include <boost/system/result.hpp>
#include <string>
#include <string_view>

#include "missiond/types.hpp"

namespace loadline::missiond {

/// What a client is told when its request is refused: {"error": code, "message": …}.
struct Problem {
    int status = 400;
    std::string_view code;  ///< a literal, for programs
    std::string message;    ///< for people
};

template <class T>
using Checked = boost::system::result<T, Problem>;

/// How each refusal of a store looks over HTTP.
Problem problem_of(Refusal refusal);

/// The JSON body, strings escaped.
std::string to_json(const Problem& problem);

/// `text` as a JSON string, quotes included.
std::string json_string(std::string_view text);

}  // namespace loadline::missiond
