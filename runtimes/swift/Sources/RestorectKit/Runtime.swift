import CoreML
import CoreVideo
import Foundation

/// A network ready to run: give it a camera's frame and get the restored frame, in kind.
///
/// Not safe for several threads at once: call it from one queue.
public final class Runtime {
    public let manifest: Manifest
    /// What Core ML may use; it still decides by itself what runs where.
    public let computeUnits: MLComputeUnits
    /// Milliseconds of each stage of the last frame: prepare, prior, model, finish, total.
    public private(set) var timings: [String: Double] = [:]
    private let models: [String: MLModel]
    /// What converts the camera's frames; nil: the CPU.
    private let gpu: MetalConverter?

    /// Side of what each tile contributes, in pixels, where the artifact's sides are free.
    public var freeTile = 1024

    /// Check an artifact's files, compile its packages on this device and load them.
    ///
    /// - Throws: `RestorectError.incompatible` for a damaged, edited or newer artifact, `.backend` where
    ///   Core ML refuses it.
    public static func load(_ folder: URL, computeUnits: MLComputeUnits = .all) async throws -> Runtime {
        let artifact = try Artifact(folder: folder)
        let configuration = MLModelConfiguration()
        configuration.computeUnits = computeUnits
        var models: [String: MLModel] = [:]
        for graph in artifact.manifest.graphs {
            let package = folder.appendingPathComponent(graph.file)
            do {
                let compiled = try await MLModel.compileModel(at: package)
                models[graph.file] = try await MLModel.load(contentsOf: compiled, configuration: configuration)
            } catch {
                throw RestorectError.backend("Core ML cannot load '\(package.path)': \(error)")
            }
        }
        return try Runtime(artifact.manifest, models, computeUnits, MetalConverter())
    }

    private init(
        _ manifest: Manifest, _ models: [String: MLModel], _ computeUnits: MLComputeUnits, _ gpu: MetalConverter?
    ) {
        self.gpu = gpu
        self.manifest = manifest
        self.models = models
        self.computeUnits = computeUnits
    }

    /// Restore a frame by itself.
    ///
    /// - Parameter frame: BGRA, 420v or 420f, of any size that the artifact takes.
    /// - Returns: a new buffer of the same format, `spec.scale` times as large.
    public func restore(_ frame: CVPixelBuffer) throws -> CVPixelBuffer {
        try restore(frame) { picture, padded in try self.latent(of: picture, padded: padded) }
    }

    typealias Latent = (Picture, Size) throws -> [Float]?

    func restore(
        _ frame: CVPixelBuffer, brightness: BrightnessTrack? = nil, latent: Latent
    ) throws -> CVPixelBuffer {
        timings = ["prepare": 0, "prior": 0, "model": 0, "finish": 0]
        let started = DispatchTime.now().uptimeNanoseconds
        let format = try FrameFormat(of: frame)
        let picture = try timed("prepare") { try self.picture(frame, format) }
        let (graph, window) = try fit(manifest.spec.padded(picture.size))
        let z = try timed("prior") { try latent(picture, manifest.spec.padded(picture.size)) }
        let restored = try restore(picture, graph, window, z, brightness)
        let made = try timed("finish") { try self.buffer(restored, format) }
        timings["total"] = Double(DispatchTime.now().uptimeNanoseconds - started) / 1e6
        return made
    }

    private func picture(_ frame: CVPixelBuffer, _ format: FrameFormat) throws -> Picture {
        guard let gpu, MetalConverter.takes(format) else { return try Picture(frame) }
        return try Picture(gpu.bgra(frame, format))
    }

    private func buffer(_ picture: Picture, _ format: FrameFormat) throws -> CVPixelBuffer {
        guard let gpu, MetalConverter.takes(format) else { return try picture.buffer(format) }
        return try gpu.frame(picture.buffer(.bgra), format)
    }

    private func restore(
        _ picture: Picture, _ graph: GraphFile, _ window: Size, _ z: [Float]?, _ brightness: BrightnessTrack?
    ) throws -> Picture {
        let scale = manifest.spec.scale
        let needed = manifest.spec.padded(picture.size)
        let padded = Size(height: max(needed.height, window.height), width: max(needed.width, window.width))
        var result = Picture(size: Size(height: picture.size.height * scale, width: picture.size.width * scale))
        let parts = try plan(padded: padded, window: window, halo: manifest.spec.alignedHalo)
        for part in parts {
            let input = try timed("prepare") { try picture.window(part).buffer(.bgra) }
            let output = try timed("model") { try run(graph, input, z) }
            try timed("finish") { result.keep(part, of: try Picture(output), scale: scale) }
        }
        // of a picture restored by tiles, none was restored in one piece: its brightness is left alone, as elsewhere
        if let brightness, parts.count == 1 {
            let gain = timed("finish") { brightness.step(size: result.size, level: result.brightness) }
            if gain != 1 { result.multiply(by: gain) }
        }
        return result
    }

    /// The graph for an image of padded size, and the window that it is given.
    private func fit(_ padded: Size) throws -> (GraphFile, Size) {
        let graphs = manifest.graphs.filter { $0.role != "prior" }
        if let free = graphs.first(where: { $0.shape == nil }) {
            guard manifest.spec.halo != nil else { return (free, padded) }
            let side = freeTile + 2 * manifest.spec.alignedHalo
            let window = manifest.spec.padded(Size(height: side, width: side))
            return (free, Size(height: min(window.height, padded.height), width: min(window.width, padded.width)))
        }
        let fixed = graphs.compactMap { graph in
            graph.shape.map { (graph, Size(height: $0[0], width: $0[1])) }
        }
        .sorted { $0.1.height * $0.1.width < $1.1.height * $1.1.width }
        if let fits = fixed.first(where: { $0.1.height >= padded.height && $0.1.width >= padded.width }) {
            return fits
        }
        guard manifest.spec.halo != nil, let largest = fixed.last else {
            throw RestorectError.incompatible(
                "a \(padded.width)×\(padded.height) frame does not fit this artifact; export again with "
                    + "--shapes \(padded.height)x\(padded.width), or with --form split for any size"
            )
        }
        return largest
    }

    /// Run the prior of a split artifact; nil for a whole one.
    private func latent(of picture: Picture, padded: Size) throws -> [Float]? {
        guard let spec = manifest.prior else { return nil }
        return try prior(thumbnail(of: picture, padded: padded, prior: spec))
    }

    func prior(_ made: Thumbnail) throws -> [Float] {
        guard let graph = manifest.graphs.first(where: { $0.role == "prior" }) else {
            throw RestorectError.incompatible("the artifact is split and has no prior; export again")
        }
        let shape = [1, made.channels, made.side, made.side]
        let input = MLMultiArray(MLShapedArray<Float>(scalars: made.values, shape: shape))
        let output = try predict(graph, ["thumbnail": MLFeatureValue(multiArray: input)])
        guard let z = output.featureValue(for: "z")?.multiArrayValue else {
            throw RestorectError.incompatible("the prior gives no multi-array named 'z'")
        }
        return MLShapedArray<Float>(z).scalars
    }

    private func run(_ graph: GraphFile, _ image: CVPixelBuffer, _ z: [Float]?) throws -> CVPixelBuffer {
        var inputs = ["image": MLFeatureValue(pixelBuffer: image)]
        if let z {
            let array = MLMultiArray(MLShapedArray<Float>(scalars: z, shape: [1, z.count, 1, 1]))
            inputs["z"] = MLFeatureValue(multiArray: array)
        }
        guard let restored = try predict(graph, inputs).featureValue(for: "restored")?.imageBufferValue else {
            throw RestorectError.incompatible("the network gives no image named 'restored'")
        }
        return restored
    }

    private func predict(_ graph: GraphFile, _ inputs: [String: MLFeatureValue]) throws -> MLFeatureProvider {
        guard let model = models[graph.file] else {
            throw RestorectError.backend("'\(graph.file)' is not loaded")
        }
        do {
            return try model.prediction(from: MLDictionaryFeatureProvider(dictionary: inputs))
        } catch {
            throw RestorectError.backend("Core ML failed on '\(graph.file)': \(error)")
        }
    }

    private func timed<T>(_ stage: String, _ work: () throws -> T) rethrows -> T {
        let started = DispatchTime.now().uptimeNanoseconds
        defer {
            timings[stage, default: 0] += Double(DispatchTime.now().uptimeNanoseconds - started) / 1e6
        }
        return try work()
    }
}
