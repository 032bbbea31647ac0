#include "missiond/problem.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace loadline::missiond {

Problem problem_of(Refusal refusal) {
    switch (refusal) {
        case Refusal::name_taken:
            return {409, "name_taken", "another user has this name"};
        case Refusal::no_user:
            return {404, "no_user", "there is no such user"};
        case Refusal::no_mission:
            return {404, "no_mission", "there is no such mission"};
        case Refusal::no_streamer:
            return {404, "no_streamer", "streamerId names no streamer"};
        case Refusal::too_little_cash:
            return {402, "too_little_cash", "the user has less cash than the amount"};
        case Refusal::not_open:
            return {409, "not_open", "the mission is settled"};
        case Refusal::settled_otherwise:
            return {409, "settled_otherwise", "the mission is already settled the other way"};
        case Refusal::not_owner:
            return {403, "not_owner", "only the mission's streamer may settle it"};
        case Refusal::mint_limit:
            return {409, "mint_limit",
                    fmt::format("no more than {} of cash is ever minted", max_minted)};
        case Refusal::key_reused:
            return {422, "key_reused", "this Idempotency-Key came with another request before"};
        case Refusal::session_over:
            return {401, "session_over", "the session was replaced, has expired or was ended"};
        case Refusal::store_down:
            break;
    }
    return {503, "store_down",
            "the store does not answer; whether the request took effect is unknown: repeat it "
            "with the same Idempotency-Key"};
}

std::string json_string(std::string_view text) {
    return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string to_json(const Problem& problem) {
    return fmt::format(R"({{"error":"{}","message":{}}})", problem.code,
                       json_string(problem.message));
}

}  // namespace loadline::missiond
