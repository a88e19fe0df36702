import Testing

@Suite struct TidyTests {
    @Test func theTableFollows() {}
}
