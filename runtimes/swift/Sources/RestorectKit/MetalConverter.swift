import CoreVideo
import Metal

/// Converts the camera's 420v and 420f to BGRA and back on the GPU, to the same bytes as `Picture`.
final class MetalConverter {
    private let queue: MTLCommandQueue
    private let cache: CVMetalTextureCache
    private let toBGRA: MTLComputePipelineState
    private let fromBGRA: MTLComputePipelineState

    /// nil where there is no GPU, as in some simulators; the CPU then does the same, slower.
    init?() throws {
        guard let device = MTLCreateSystemDefaultDevice(), let queue = device.makeCommandQueue() else { return nil }
        var made: CVMetalTextureCache?
        CVMetalTextureCacheCreate(kCFAllocatorDefault, nil, device, nil, &made)
        guard let cache = made else { throw RestorectError.backend("Core Video cannot make a cache of Metal textures") }
        do {
            let library = try device.makeLibrary(source: convertShader, options: nil)
            toBGRA = try MetalConverter.pipeline(device, library, "nv12_to_bgra")
            fromBGRA = try MetalConverter.pipeline(device, library, "bgra_to_nv12")
        } catch {
            throw RestorectError.backend("Metal cannot compile the conversion: \(error)")
        }
        self.queue = queue
        self.cache = cache
    }

    private static func pipeline(
        _ device: MTLDevice, _ library: MTLLibrary, _ name: String
    ) throws -> MTLComputePipelineState {
        guard let function = library.makeFunction(name: name) else {
            throw RestorectError.backend("the shader has no function '\(name)'")
        }
        return try device.makeComputePipelineState(function: function)
    }

    /// Whether it converts frames of a format.
    static func takes(_ format: FrameFormat) -> Bool {
        format.matrix != nil && format.layout.name == "nv12"
    }

    /// The frame as BGRA.
    func bgra(_ frame: CVPixelBuffer, _ format: FrameFormat) throws -> CVPixelBuffer {
        let size = Size(height: CVPixelBufferGetHeight(frame), width: CVPixelBufferGetWidth(frame))
        let made = try emptyBuffer(size, kCVPixelFormatType_32BGRA)
        let textures = [
            try texture(frame, 0, .r8Unorm), try texture(frame, 1, .rg8Unorm), try texture(made, 0, .bgra8Unorm),
        ]
        try run(toBGRA, textures, format, size)
        return made
    }

    /// Write BGRA into a new frame of a format.
    func frame(_ bgra: CVPixelBuffer, _ format: FrameFormat) throws -> CVPixelBuffer {
        let size = Size(height: CVPixelBufferGetHeight(bgra), width: CVPixelBufferGetWidth(bgra))
        let made = try emptyBuffer(size, format.code)
        let textures = [
            try texture(bgra, 0, .bgra8Unorm), try texture(made, 0, .r8Unorm), try texture(made, 1, .rg8Unorm),
        ]
        try run(fromBGRA, textures, format, Size(height: size.height / 2, width: size.width / 2))
        if let name = format.matrixName {
            CVBufferSetAttachment(made, kCVImageBufferYCbCrMatrixKey, name, .shouldPropagate)
        }
        return made
    }

    private func texture(_ buffer: CVPixelBuffer, _ plane: Int, _ format: MTLPixelFormat) throws -> CVMetalTexture {
        let planar = CVPixelBufferIsPlanar(buffer)
        let width = planar ? CVPixelBufferGetWidthOfPlane(buffer, plane) : CVPixelBufferGetWidth(buffer)
        let height = planar ? CVPixelBufferGetHeightOfPlane(buffer, plane) : CVPixelBufferGetHeight(buffer)
        let usage: MTLTextureUsage = [.shaderRead, .shaderWrite]
        let options = [kCVMetalTextureUsage: usage.rawValue] as CFDictionary
        var made: CVMetalTexture?
        CVMetalTextureCacheCreateTextureFromImage(
            kCFAllocatorDefault, cache, buffer, options, format, width, height, plane, &made
        )
        guard let texture = made else {
            throw RestorectError.usage("Metal cannot read this frame; give one whose memory is an IOSurface")
        }
        return texture
    }

    private func run(
        _ pipeline: MTLComputePipelineState, _ textures: [CVMetalTexture], _ format: FrameFormat, _ grid: Size
    ) throws {
        guard let matrix = format.matrix, let commands = queue.makeCommandBuffer(),
            let encoder = commands.makeComputeCommandEncoder()
        else { throw RestorectError.backend("Metal cannot make a command") }
        var numbers = ([matrix.black] + matrix.toRGB + matrix.fromRGB).map { Int32($0) }
        encoder.setComputePipelineState(pipeline)
        for (at, texture) in textures.enumerated() {
            encoder.setTexture(CVMetalTextureGetTexture(texture), index: at)
        }
        encoder.setBytes(&numbers, length: 4 * numbers.count, index: 0)
        // the shader leaves out what is beyond the picture: not every GPU takes groups that do not fill its grid
        encoder.dispatchThreadgroups(
            MTLSize(width: (grid.width + 15) / 16, height: (grid.height + 15) / 16, depth: 1),
            threadsPerThreadgroup: MTLSize(width: 16, height: 16, depth: 1)
        )
        encoder.endEncoding()
        commands.commit()
        commands.waitUntilCompleted()
        if let error = commands.error {
            throw RestorectError.backend("Metal failed on a conversion: \(error)")
        }
    }
}
