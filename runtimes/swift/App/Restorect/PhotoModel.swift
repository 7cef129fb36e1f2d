import CoreImage
import RestorectKit
import SwiftUI

/// A photograph and what became of it.
@MainActor
final class PhotoModel: ObservableObject {
    @Published private(set) var before: CGImage?
    @Published private(set) var after: CGImage?
    /// What went wrong, or how long it took.
    @Published private(set) var message: String?
    @Published private(set) var busy = false
    private let artifact: URL
    private let worker = PhotoWorker()

    init(artifact: URL) {
        self.artifact = artifact
    }

    func restore(_ data: Data?) async {
        guard let data, !busy else { return }
        busy = true
        defer { busy = false }
        do {
            let result = try await worker.restore(data, artifact)
            (before, after) = (result.before, result.after)
            message = String(format: "%.0f ms", result.milliseconds)
        } catch {
            message = error.localizedDescription
        }
    }
}

/// Restores off the main thread, one photograph after the other.
actor PhotoWorker {
    struct Result {
        let before: CGImage
        let after: CGImage
        let milliseconds: Double
    }

    private let context = CIContext()
    private var runtime: Runtime?

    func restore(_ data: Data, _ artifact: URL) async throws -> Result {
        // upright: the network knows dark scenes, not turned ones
        guard let image = CIImage(data: data, options: [.applyOrientationProperty: true]) else {
            throw RestorectError.usage("this is no photograph that the system reads; choose another")
        }
        let loaded: Runtime
        if let runtime {
            loaded = runtime
        } else {
            loaded = try await Runtime.load(artifact)
        }
        runtime = loaded
        let frame = try buffer(image)
        let started = DispatchTime.now().uptimeNanoseconds
        let restored = try loaded.restore(frame)
        let spent = Double(DispatchTime.now().uptimeNanoseconds - started) / 1e6
        return Result(before: try picture(frame), after: try picture(restored), milliseconds: spent)
    }

    private func buffer(_ image: CIImage) throws -> CVPixelBuffer {
        let options = [kCVPixelBufferIOSurfacePropertiesKey: [CFString: Any]()] as CFDictionary
        var made: CVPixelBuffer?
        let (width, height) = (Int(image.extent.width), Int(image.extent.height))
        CVPixelBufferCreate(kCFAllocatorDefault, width, height, kCVPixelFormatType_32BGRA, options, &made)
        guard let buffer = made else {
            throw RestorectError.backend("there is no memory for a photograph of \(width)×\(height) pixels")
        }
        let moved = image.transformed(by: .init(translationX: -image.extent.minX, y: -image.extent.minY))
        context.render(moved, to: buffer, bounds: moved.extent, colorSpace: CGColorSpace(name: CGColorSpace.sRGB))
        return buffer
    }

    private func picture(_ buffer: CVPixelBuffer) throws -> CGImage {
        let image = CIImage(cvPixelBuffer: buffer)
        guard let made = context.createCGImage(image, from: image.extent) else {
            throw RestorectError.backend("Core Image cannot show the picture")
        }
        return made
    }
}
