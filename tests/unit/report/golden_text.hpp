#pragma once
#include <fstream>
#include <sstream>
#include <string>

namespace loadline {

/// A file of whole output beside the tests, such as "terminal_passing.txt".
inline std::string text_of_file(const std::string& name) {
    std::ifstream in{TEST_DATA "/" + name};
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

}  // namespace loadline
