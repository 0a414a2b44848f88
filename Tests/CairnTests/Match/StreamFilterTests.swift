import Testing

@testable import Cairn

@Suite struct StreamFilterTests {
    private typealias Ports = (source: [ClosedRange<UInt16>], destination: [ClosedRange<UInt16>])

    private static let toSMB: Ports = ([0...UInt16.max], [139...139, 445...445])
    private static let fromSMB: Ports = ([139...139, 445...445], [0...UInt16.max])

    /// A filter, given back when it is not needed any more.
    private final class Fixture {
        var filter = StreamFilter()
        deinit { filter.deallocate() }

        func looksOn(
            at offset: UInt64, _ source: UInt16 = 4000, _ destination: UInt16 = 80,
            isKnown: Bool = false
        ) -> Bool {
            filter.looksOn(at: offset, source, destination, isKnown: isKnown)
        }
    }

    @Test func `without rules no stream is looked at`() {
        let fixture = Fixture()
        #expect(!fixture.filter.letsPass(4000, 80))
        #expect(!fixture.looksOn(at: 0))
    }

    @Test func `source and destination belong together`() {
        let fixture = Fixture()
        for ports in [Self.toSMB, Self.fromSMB] {
            fixture.filter.add(ports: ports, startByteCount: .max, holdsWhereKnown: true)
        }
        #expect(fixture.filter.letsPass(4000, 445))
        #expect(fixture.filter.letsPass(139, 4000))
        #expect(!fixture.filter.letsPass(4000, 80))
    }

    @Test func `rules of the start are looked for there only`() {
        let fixture = Fixture()
        fixture.filter.add(ports: nil, startByteCount: 100, holdsWhereKnown: true)
        fixture.filter.add(ports: Self.toSMB, startByteCount: .max, holdsWhereKnown: true)
        #expect(fixture.looksOn(at: 99))
        #expect(!fixture.looksOn(at: 100))
        #expect(fixture.looksOn(at: 100, 4000, 445))
    }

    @Test func `a rule that needs an unknown protocol is not looked for where it is known`() {
        let fixture = Fixture()
        fixture.filter.add(ports: nil, startByteCount: .max, holdsWhereKnown: false)
        #expect(fixture.looksOn(at: 1 << 20))
        #expect(!fixture.looksOn(at: 1 << 20, isKnown: true))
    }

    @Test func `more pairs of ports than can be told apart let too much pass, never too little`() {
        let fixture = Fixture()
        for port in 1...100 as ClosedRange<UInt16> {
            fixture.filter.add(
                ports: ([port...port], [port...port]), startByteCount: .max, holdsWhereKnown: true)
        }
        for port in 1...100 as ClosedRange<UInt16> {
            #expect(fixture.looksOn(at: 5000, port, port))
        }
        #expect(!fixture.looksOn(at: 5000, 200, 200))
    }
}
