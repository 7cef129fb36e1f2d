/// Y'CbCr ↔ RGB in integers, the same as `restorect_edge/media/ycbcr.py`; gray gives no color at all.
struct YCbCr {
    /// Fractional bits of the coefficients.
    static let shift = 20

    /// Level of black.
    let black: Int
    /// Y in R, G, B; Cr in R; Cb in G; Cr in G; Cb in B.
    let toRGB: [Int]
    /// R, G and B in Y, then in Cb, then in Cr.
    let fromRGB: [Int]

    // ⌊2²⁰·c + ½⌋ of the exact coefficients, which restorect_edge/media/ycbcr.py derives
    static let bt601Full = YCbCr(
        black: 0,
        toRGB: [1048576, 1470104, -360853, -748826, 1858077],
        fromRGB: [313524, 615514, 119538, -176932, -347356, 524288, 524288, -439026, -85262]
    )
    static let bt601Limited = YCbCr(
        black: 16,
        toRGB: [1220945, 1673555, -410793, -852458, 2115221],
        fromRGB: [269262, 528618, 102662, -155423, -305128, 460551, 460551, -385654, -74897]
    )
    static let bt709Full = YCbCr(
        black: 0,
        toRGB: [1048576, 1651297, -196424, -490864, 1945738],
        fromRGB: [222927, 749942, 75707, -120138, -404150, 524288, 524288, -476214, -48074]
    )
    static let bt709Limited = YCbCr(
        black: 16,
        toRGB: [1220945, 1879825, -223607, -558796, 2215014],
        fromRGB: [191455, 644067, 65019, -105533, -355018, 460551, 460551, -418321, -42230]
    )

    static let bt2020Full = YCbCr(
        black: 0,
        toRGB: [1048576, 1546230, -172546, -599107, 1972791],
        fromRGB: [275461, 710935, 62181, -146413, -377875, 524288, 524288, -482120, -42168]
    )
    static let bt2020Limited = YCbCr(
        black: 16,
        toRGB: [1220945, 1760217, -196426, -682019, 2245811],
        fromRGB: [236572, 610567, 53402, -128614, -331937, 460551, 460551, -423510, -37041]
    )
    static let smpte240mFull = YCbCr(
        black: 0,
        toRGB: [1048576, 1652556, -237630, -499774, 1914700],
        fromRGB: [222298, 735052, 91226, -121740, -402548, 524288, 524288, -466403, -57885]
    )
    static let smpte240mLimited = YCbCr(
        black: 16,
        toRGB: [1220945, 1881258, -270517, -568940, 2179681],
        fromRGB: [190915, 631280, 78347, -106941, -353610, 460551, 460551, -409703, -50848]
    )

    /// Red, green and blue of a pixel; `>>` rounds down.
    func rgb(y: Int, cb: Int, cr: Int) -> (UInt8, UInt8, UInt8) {
        let light = toRGB[0] * (y - black) + (1 << (YCbCr.shift - 1))
        let u = cb - 128
        let v = cr - 128
        return (
            clamped((light + toRGB[1] * v) >> YCbCr.shift),
            clamped((light + toRGB[2] * u + toRGB[3] * v) >> YCbCr.shift),
            clamped((light + toRGB[4] * u) >> YCbCr.shift)
        )
    }

    func luma(r: Int, g: Int, b: Int) -> UInt8 {
        let sum = fromRGB[0] * r + fromRGB[1] * g + fromRGB[2] * b
        return clamped(((sum + (1 << (YCbCr.shift - 1))) >> YCbCr.shift) + black)
    }

    /// Cb and Cr of a block of `pixels`, two or four, from the sums of its channels.
    func chroma(r: Int, g: Int, b: Int, pixels: Int) -> (UInt8, UInt8) {
        // a block's mean is part of the one shift: half of 2 and of 4 is their logarithm
        let bits = YCbCr.shift + pixels / 2
        let half = 1 << (bits - 1)
        let cb = fromRGB[3] * r + fromRGB[4] * g + fromRGB[5] * b
        let cr = fromRGB[6] * r + fromRGB[7] * g + fromRGB[8] * b
        return (clamped(((cb + half) >> bits) + 128), clamped(((cr + half) >> bits) + 128))
    }
}

func clamped(_ value: Int) -> UInt8 {
    UInt8(min(max(value, 0), 255))
}
