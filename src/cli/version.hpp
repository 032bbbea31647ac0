#pragma once

namespace loadline {

inline constexpr const char* version = "0.1.0";

}  // namespace loadline
