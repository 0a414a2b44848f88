import CMaxMindDB

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A MaxMind database that says which country an address lies in (the MaxMind DB format 2.0: `country.iso_code`). It is
/// only read once it is open, by all shards.
final class CountryDatabase: @unchecked Sendable {
    /// Why a database cannot be used.
    struct OpenError: Error {
        var reason: String
    }

    private let database: UnsafeMutablePointer<MMDB_s>
    /// `country`, `iso_code`, and the end of the path.
    private let path: UnsafeMutablePointer<UnsafePointer<CChar>?>

    init(path file: String) throws(OpenError) {
        let opened = UnsafeMutablePointer<MMDB_s>.allocate(capacity: 1)
        opened.initialize(to: MMDB_s())
        let status = MMDB_open(file, UInt32(MMDB_MODE_MMAP), opened)
        guard status == MMDB_SUCCESS else {
            opened.deallocate()
            throw OpenError(
                reason: MMDB_strerror(status).map { String(cString: $0) } ?? "error \(status)")
        }
        database = opened
        path = .allocate(capacity: 3)
        for (index, key) in ["country", "iso_code"].enumerated() {
            (path + index).initialize(to: UnsafePointer(strdup(key)))
        }
        (path + 2).initialize(to: nil)
    }

    deinit {
        MMDB_close(database)
        database.deallocate()
        for index in 0..<2 { free(UnsafeMutablePointer(mutating: path[index])) }
        path.deallocate()
    }

    /// The two letters of a country; nil if the database does not know.
    func country(of address: IPAddress) -> CountryCode? {
        address.isV4 ? country(ofV4: address.v4) : country(ofV6: address)
    }

    private func country(ofV4 number: UInt32) -> CountryCode? {
        var socket = sockaddr_in()
        socket.sin_family = sa_family_t(AF_INET)
        socket.sin_addr.s_addr = number.bigEndian
        return withUnsafePointer(to: &socket) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { look(at: $0) }
        }
    }

    private func country(ofV6 address: IPAddress) -> CountryCode? {
        var socket = sockaddr_in6()
        socket.sin6_family = sa_family_t(AF_INET6)
        withUnsafeMutableBytes(of: &socket.sin6_addr) { bytes in
            bytes.storeBytes(of: address.high.bigEndian, as: UInt64.self)
            bytes.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
        return withUnsafePointer(to: &socket) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { look(at: $0) }
        }
    }

    private func look(at socket: UnsafePointer<sockaddr>) -> CountryCode? {
        var error: Int32 = 0
        var result = MMDB_lookup_sockaddr(database, socket, &error)
        guard error == MMDB_SUCCESS, result.found_entry else { return nil }
        var data = MMDB_entry_data_s()
        guard MMDB_aget_value(&result.entry, &data, path) == MMDB_SUCCESS, data.has_data,
            data.type == UInt32(MMDB_DATA_TYPE_UTF8_STRING), data.data_size == 2,
            let text = data.utf8_string
        else { return nil }
        return CountryCode(UInt8(bitPattern: text[0]), UInt8(bitPattern: text[1]))
    }
}

/// The two letters of a country (ISO 3166-1), or of what databases have in place of one.
struct CountryCode: Equatable {
    private var value: UInt16

    init(_ first: UInt8, _ second: UInt8) { value = UInt16(first) << 8 | UInt16(second) }

    init?(_ text: String) {
        let letters = Array(text.utf8)
        guard letters.count == 2 else { return nil }
        self.init(letters[0], letters[1])
    }
}

/// A test of countries as it is asked.
struct CountryCodes {
    let codes: [CountryCode]
    let isNegated: Bool

    init(_ test: CountryTest) {
        codes = test.countries.compactMap { CountryCode($0) }
        isNegated = test.isNegated
    }

    /// Of an unknown country nothing holds.
    func hold(_ country: CountryCode?) -> Bool {
        country.map { codes.contains($0) != isNegated } ?? false
    }
}
