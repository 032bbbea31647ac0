#include "missiond/types.hpp"

namespace loadline::missiond {

std::string_view to_string(Role role) { return role == Role::viewer ? "viewer" : "streamer"; }

std::string_view to_string(MissionState state) {
    switch (state) {
        case MissionState::open:
            return "open";
        case MissionState::succeeded:
            return "succeeded";
        case MissionState::failed:
            break;
    }
    return "failed";
}

bool from_string(std::string_view text, Role& role) {
    for (const auto each : {Role::viewer, Role::streamer}) {
        if (text == to_string(each)) return role = each, true;
    }
    return false;
}

bool from_string(std::string_view text, MissionState& state) {
    for (const auto each : {MissionState::open, MissionState::succeeded, MissionState::failed}) {
        if (text == to_string(each)) return state = each, true;
    }
    return false;
}

}  // namespace loadline::missiond
