#include "missiond/jwt.hpp"

#include <gtest/gtest.h>

#include <jwt/jwt.hpp>

#include "missiond/secrets.hpp"

namespace loadline::missiond {
namespace {

const TokenSigner signer{"secret"};
const Claims ann{17, Role::streamer, "session-1", 2'000'000'000};

TEST(TokenSigner, ReadsBackWhatItSigned) {
    const auto claims = signer.verify(signer.sign(ann), 1'999'999'999);
    ASSERT_TRUE(claims);
    EXPECT_EQ(claims->user, 17u);
    EXPECT_EQ(claims->role, Role::streamer);
    EXPECT_EQ(claims->session, "session-1");
    EXPECT_EQ(claims->expires, 2'000'000'000);
}

TEST(TokenSigner, RefusesATokenFromItsExpiryOn) {
    EXPECT_EQ(signer.verify(signer.sign(ann), 2'000'000'000).error(), TokenFault::expired);
}

TEST(TokenSigner, SignsWhatAnotherLibraryAccepts) {
    std::error_code ec;
    const auto decoded = jwt::decode(signer.sign(ann), jwt::params::algorithms({"HS256"}), ec,
                                     jwt::params::secret("secret"), jwt::params::verify(true));
    EXPECT_FALSE(ec) << ec.message();
    EXPECT_EQ(decoded.payload().get_claim_value<std::string>("sub"), "17");
}

TEST(TokenSigner, RefusesEveryTokenThatDiffersInOneCharacter) {
    const auto token = signer.sign(ann);
    const auto last = token.size() - 1;  // its lowest two bits carry nothing, but are compared too
    for (std::size_t i = 0; i <= last; ++i) {
        auto changed = token;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        EXPECT_FALSE(signer.verify(changed, 0)) << "character " << i;
    }
}

TEST(TokenSigner, RefusesWhatIsNoTokenOfOurs) {
    const auto token = signer.sign(ann);
    const auto payload = token.substr(37, token.rfind('.') - 37);
    const std::string none = base64url(R"({"alg":"none","typ":"JWT"})");
    const struct {
        std::string token;
        TokenFault fault;
    } rows[] = {
        {"", TokenFault::malformed},
        {".", TokenFault::malformed},
        {"..", TokenFault::malformed},
        {token.substr(0, 36), TokenFault::malformed},
        {token.substr(0, 37), TokenFault::malformed},
        {none + "." + payload + ".", TokenFault::malformed},
        {token.substr(0, token.rfind('.') + 1), TokenFault::forged},
        {TokenSigner{"other"}.sign(ann), TokenFault::forged},
        {token + "A", TokenFault::forged},
    };
    for (const auto& [text, fault] : rows) {
        SCOPED_TRACE(text);
        const auto claims = signer.verify(text, 0);
        ASSERT_FALSE(claims);
        EXPECT_EQ(claims.error(), fault);
    }
}

TEST(Base64Url, FollowsTheVectorsOfRfc4648) {
    const struct {
        const char *bytes, *text;
    } rows[] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xff\xef", "_-8"}};
    for (const auto& [bytes, text] : rows) EXPECT_EQ(base64url(bytes), text);
}

TEST(Passwords, MatchOnlyThemselvesAndHaveASaltOfTheirOwn) {
    const auto stored = hash_password("secret", 10);
    EXPECT_TRUE(password_matches("secret", stored, 10));
    EXPECT_TRUE(password_matches("secret", stored, 99));  // the stored number of rounds counts
    EXPECT_FALSE(password_matches("Secret", stored, 10));
    EXPECT_FALSE(password_matches("", stored, 10));
    EXPECT_NE(stored, hash_password("secret", 10));
}

TEST(Passwords, MatchNothingWhereNothingIsStored) {
    for (const char* stored : {"", "$", "plain", "pbkdf2-sha256$0$salt$", "pbkdf2-sha256$x$salt$x",
                               "pbkdf2-sha256$10$salt$", "md5$10$salt$x"}) {
        SCOPED_TRACE(stored);
        EXPECT_FALSE(password_matches("secret", stored, 10));
    }
}

TEST(Digests, AreTheStandardOnes) {
    EXPECT_EQ(sha1_hex("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    EXPECT_EQ(sha256_hex("abc"),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace loadline::missiond
