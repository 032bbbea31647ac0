#include <cstdio>
#include <exception>
#include <string>

#include "missiond/options.hpp"
#include "missiond/service.hpp"

namespace {

int exit_code(loadline::ErrorKind kind) {
    switch (kind) {
        case loadline::ErrorKind::usage:
            return 2;
        case loadline::ErrorKind::unreachable:
            return 3;
        case loadline::ErrorKind::output:
        case loadline::ErrorKind::internal:
            break;
    }
    return 70;
}

int fail(const loadline::Error& error) {
    std::fprintf(stderr, "missiond: error: %s\n", error.message.c_str());
    return exit_code(error.kind);
}

int run(int argc, char** argv) {
    const auto parsed = loadline::missiond::parse_options(argc, argv);
    if (!parsed) return fail(parsed.error());
    if (const auto* text = std::get_if<loadline::missiond::JustPrint>(&*parsed)) {
        std::fputs(text->text.c_str(), stdout);
        return 0;
    }
    const auto served = loadline::missiond::serve(std::get<loadline::missiond::Options>(*parsed));
    return served ? 0 : fail(served.error());
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::exception& e) {
        return fail(loadline::internal_error(std::string{"internal error: "} + e.what()));
    }
}
