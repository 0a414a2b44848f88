import Testing
@testable import Cairn
@Suite struct SmokeTests { @Test func ok() { #expect(Timestamp(nanoseconds: 0).nanoseconds == 0) } }
