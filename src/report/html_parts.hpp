#pragma once
#include <string>
#include <string_view>

#include "result/words.hpp"

/// The pieces that every section of report.html is made of. Texts are escaped here.
namespace loadline {

/// The word that styles a verdict: "pass", "fail", "invalid".
const char* tone_of(VerdictWord word);

/// "✓ PASS"
std::string marked(VerdictWord word);

/// The frame of one chart; page.js finds it by `id` and draws. Requires texts of our own.
std::string chart_frame(const char* id, const char* title, const char* description);

std::string heading(std::string_view text, std::string_view sub = {});

std::string note(std::string_view text);

}  // namespace loadline
