// swift-tools-version: 6.2
import PackageDescription

/// Headers and libraries of the system, found by pkg-config; `make setup` installs what is missing.
func systemLibrary(_ name: String, pkgConfig: String, apt: String, brew: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt]), .brew([brew])])
}

let package = Package(
    name: "cairn",
    platforms: [.macOS("26.0")],
    products: [
        .executable(name: "cairn", targets: ["CairnCLI"]),
        .library(name: "Cairn", targets: ["Cairn"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0")
    ],
    targets: [
        systemLibrary("CPcap", pkgConfig: "libpcap", apt: "libpcap-dev", brew: "libpcap"),
        systemLibrary("CYAML", pkgConfig: "yaml-0.1", apt: "libyaml-dev", brew: "libyaml"),
        systemLibrary("CPCRE2", pkgConfig: "libpcre2-8", apt: "libpcre2-dev", brew: "pcre2"),
        systemLibrary("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev", brew: "zlib"),
        systemLibrary("CZstd", pkgConfig: "libzstd", apt: "libzstd-dev", brew: "zstd"),
        systemLibrary("CBrotli", pkgConfig: "libbrotlidec", apt: "libbrotli-dev", brew: "brotli"),
        systemLibrary("CLZMA", pkgConfig: "liblzma", apt: "liblzma-dev", brew: "xz"),
        systemLibrary("CMagic", pkgConfig: "libmagic", apt: "libmagic-dev", brew: "libmagic"),
        systemLibrary(
            "CMaxMindDB", pkgConfig: "libmaxminddb", apt: "libmaxminddb-dev",
            brew: "libmaxminddb"),
        systemLibrary("CCrypto", pkgConfig: "libcrypto", apt: "libssl-dev", brew: "openssl"),
        .systemLibrary(name: "CIntrinsics"),
        .target(
            name: "Cairn",
            dependencies: [
                "CPcap", "CYAML", "CPCRE2", "CZlib", "CZstd", "CBrotli", "CLZMA", "CMagic",
                "CMaxMindDB", "CCrypto", "CIntrinsics",
            ],
            exclude: ["Match/DESIGN.md", "Output/Schemas"],
            swiftSettings: [.treatAllWarnings(as: .error)]
        ),
        .executableTarget(
            name: "CairnCLI",
            dependencies: [
                "Cairn", "CIntrinsics",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: [.treatAllWarnings(as: .error)]
        ),
        .executableTarget(
            name: "Embedding",
            dependencies: ["Cairn"],
            path: "Tests/Embedding",
            swiftSettings: [.treatAllWarnings(as: .error)]
        ),
        .testTarget(
            name: "CairnTests",
            dependencies: ["Cairn", "Embedding"],
            swiftSettings: [.treatAllWarnings(as: .error)]
        ),
    ]
)
