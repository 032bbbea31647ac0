#pragma once
#include <string_view>

namespace loadline {

/// The parts of report.html, embedded when the program was built (cmake/page.cmake).
extern const std::string_view page_html;  ///< the frame, with {{markers}}
extern const std::string_view page_css;
extern const std::string_view charts_js;     ///< what the charts share
extern const std::string_view page_js;       ///< draws the charts
extern const std::string_view dygraphs_css;  ///< from Debian's libjs-dygraphs
extern const std::string_view dygraphs_js;

}  // namespace loadline
