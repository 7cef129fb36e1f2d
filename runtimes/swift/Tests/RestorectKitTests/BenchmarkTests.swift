import CoreML
import Foundation
import XCTest

@testable import RestorectKit

/// Times an artifact and writes the project's benchmark JSON, schema of `restorect_edge/bench/measure/record.py`.
///
/// Run on a device, with `RESTORECT_BENCHMARK` naming the file to write; else it is skipped.
final class BenchmarkTests: XCTestCase {
    private let leastSeconds = 10.0
    private let leastRuns = 200
    private let leastWarmUp = 3.0
    private let warmUpCap = 30.0
    private let stableWithin = 0.02

    func testBenchmark() async throws {
        guard let path = ProcessInfo.processInfo.environment["RESTORECT_BENCHMARK"] else {
            throw XCTSkip("set RESTORECT_BENCHMARK to the file to write")
        }
        let folder = try Golden.artifact(Golden.whole)
        let units: [(String, MLComputeUnits)] = [
            ("cpuOnly", .cpuOnly), ("cpuAndGPU", .cpuAndGPU), ("cpuAndNeuralEngine", .cpuAndNeuralEngine),
        ]
        var rows: [[String: Any]] = []
        var version = ""
        for (name, unit) in units {
            let started = now()
            let runtime = try await Runtime.load(folder, computeUnits: unit)
            let loaded = 1e3 * (now() - started)
            version = runtime.manifest.toolkitVersion
            for graph in runtime.manifest.graphs {
                guard let shape = graph.shape else { continue }
                rows.append(try row(runtime, name, shape, loaded))
            }
        }
        let report: [String: Any] = [
            "schema_version": 1,
            "created": ISO8601DateFormatter().string(from: Date()),
            "toolkit_version": version,
            "device": device(),
            "protocol": procedure(),
            "rows": rows,
        ]
        let data = try JSONSerialization.data(withJSONObject: report, options: [.sortedKeys])
        try data.write(to: URL(fileURLWithPath: path))
    }

    private func row(
        _ runtime: Runtime, _ units: String, _ shape: [Int], _ loaded: Double
    ) throws -> [String: Any] {
        var picture = Picture(size: Size(height: shape[0], width: shape[1]))
        for at in picture.bytes.indices { picture.bytes[at] = UInt8(at * 7 % 48) }
        let frame = try picture.buffer(.bgra)
        let first = try timed(runtime) { _ = try runtime.restore(frame) }
        let (warm, stable, seconds) = try warmedUp { try self.timed(runtime) { _ = try runtime.restore(frame) } }
        var total: [Double] = []
        var model: [Double] = []
        let started = now()
        while total.count < leastRuns || now() - started < leastSeconds {
            _ = try runtime.restore(frame)
            total.append(runtime.timings["total"] ?? 0)
            model.append(runtime.timings["model"] ?? 0)
        }
        let manifest = runtime.manifest
        return [
            "subject": [
                "name": manifest.name, "target": manifest.target, "precision": manifest.precision,
                "form": manifest.form, "files": manifest.files,
            ] as [String: Any],
            "runtime": "coreml",
            "provider": "Core ML by RestorectKit",
            "device": units,
            "shape": shape,
            "status": throttled() ? "throttled" : "measured",
            "reason": throttled() ? "the system reports thermal pressure" : "",
            "cold": ["load_ms": loaded, "first_ms": first],
            "warm_up": ["seconds": seconds, "runs": warm, "stable": stable] as [String: Any],
            "model_ms": model,
            "total_ms": total,
        ]
    }

    private func device() -> [String: Any] {
        var system = utsname()
        uname(&system)
        let name = withUnsafeBytes(of: &system.machine) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        let info = ProcessInfo.processInfo
        return [
            "kind": "apple",
            "name": name,
            "os": info.operatingSystemVersionString,
            "cores": info.processorCount,
            "memory_bytes": info.physicalMemory,
            "power_mode": info.isLowPowerModeEnabled ? "low power" : "normal",
        ]
    }

    private func procedure() -> [String: Any] {
        [
            "threads": NSNull(),
            "duration_s": leastSeconds,
            "least_runs": leastRuns,
            "least_warm_up_s": leastWarmUp,
            "stable_within": stableWithin,
            "warm_up_cap_s": warmUpCap,
            "pause_s": 0.0,
            "confidence": 0.95,
            "resamples": 2000,
        ]
    }

    private func throttled() -> Bool {
        let state = ProcessInfo.processInfo.thermalState
        return state == .serious || state == .critical
    }

    /// Run until the median of the last ten runs is that of the ten before; runs, stable or not, seconds.
    private func warmedUp(_ run: () throws -> Double) throws -> (Int, Bool, Double) {
        let started = now()
        var samples: [Double] = []
        while now() - started < warmUpCap {
            samples.append(try run())
            if samples.count >= 20, now() - started >= leastWarmUp {
                let last = median(samples.suffix(10))
                let before = median(samples.suffix(20).prefix(10))
                if abs(last - before) <= stableWithin * before {
                    return (samples.count, true, now() - started)
                }
            }
        }
        return (samples.count, false, now() - started)
    }

    private func timed(_ runtime: Runtime, _ work: () throws -> Void) rethrows -> Double {
        try work()
        return runtime.timings["total"] ?? 0
    }

    private func median(_ values: ArraySlice<Double>) -> Double {
        let sorted = values.sorted()
        return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    }

    private func now() -> Double {
        Double(DispatchTime.now().uptimeNanoseconds) / 1e9
    }
}
