#include "plan_support.hpp"

#include <gtest/gtest.h>

namespace loadline {

std::shared_ptr<const Plan> plan_of(const std::string& text, const Overrides& overrides,
                                    const std::filesystem::path& file) {
    auto compiled = compile_text(text, file, overrides);
    if (const auto* problems = std::get_if<std::vector<Diagnostic>>(&compiled)) {
        ADD_FAILURE() << format_diagnostics(text, file, *problems);
        return nullptr;
    }
    return std::get<CompiledScenario>(compiled).plan;
}

}  // namespace loadline
