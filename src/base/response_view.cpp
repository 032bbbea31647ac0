#include "base/response_view.hpp"

#include <strings.h>

namespace loadline {

std::string_view ResponseView::header(std::string_view name) const {
    auto rest = head;
    while (!rest.empty()) {
        const auto end = rest.find("\r\n");
        auto line = rest.substr(0, end);
        rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 2);
        if (line.size() <= name.size() || line[name.size()] != ':') continue;
        if (::strncasecmp(line.data(), name.data(), name.size()) != 0) continue;
        line.remove_prefix(name.size() + 1);
        while (!line.empty() && (line.front() == ' ' || line.front() == '\t'))
            line.remove_prefix(1);
        while (!line.empty() && (line.back() == ' ' || line.back() == '\t')) line.remove_suffix(1);
        return line;
    }
    return {};
}

}  // namespace loadline
