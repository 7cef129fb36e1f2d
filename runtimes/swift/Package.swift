// swift-tools-version:5.9
import PackageDescription

let package = Package(
    name: "RestorectKit",
    platforms: [.iOS(.v17), .macOS(.v14)],
    products: [
        .library(name: "RestorectKit", targets: ["RestorectKit"]),
        .library(name: "RestorectCamera", targets: ["RestorectCamera"]),
    ],
    targets: [
        .target(name: "RestorectKit"),
        .target(name: "RestorectCamera", dependencies: ["RestorectKit"]),
        .testTarget(name: "RestorectKitTests", dependencies: ["RestorectKit"]),
    ]
)
