/// The conversion of `YCbCr.swift` and `Picture.swift` as Metal, for the camera's 420v and 420f: integers, so that it
/// gives the same bytes. Texture values are levels / 255, which rounding makes levels again.
///
/// The suite compiles it as C++ against stand-ins and passes the vectors of `spec/frames` with it.
let convertShader = """
    #include <metal_stdlib>
    using namespace metal;

    struct Matrix {
        int black;
        int toRGB[5];
        int fromRGB[9];
    };

    constant int shift = 20;

    static int level(float value) { return int(rint(value * 255.0f)); }

    static float unit(int value) { return float(clamp(value, 0, 255)) / 255.0f; }

    kernel void nv12_to_bgra(
        texture2d<float, access::read> luma [[texture(0)]],
        texture2d<float, access::read> chroma [[texture(1)]],
        texture2d<float, access::write> result [[texture(2)]],
        constant Matrix &matrix [[buffer(0)]],
        uint2 at [[thread_position_in_grid]])
    {
        if (at.x >= result.get_width() || at.y >= result.get_height()) return;
        float4 pair = chroma.read(uint2(at.x / 2, at.y / 2));
        int light = matrix.toRGB[0] * (level(luma.read(at).x) - matrix.black) + (1 << (shift - 1));
        int u = level(pair.x) - 128;
        int v = level(pair.y) - 128;
        float red = unit((light + matrix.toRGB[1] * v) >> shift);
        float green = unit((light + matrix.toRGB[2] * u + matrix.toRGB[3] * v) >> shift);
        float blue = unit((light + matrix.toRGB[4] * u) >> shift);
        result.write(float4(red, green, blue, 1.0f), at);
    }

    kernel void bgra_to_nv12(
        texture2d<float, access::read> source [[texture(0)]],
        texture2d<float, access::write> luma [[texture(1)]],
        texture2d<float, access::write> chroma [[texture(2)]],
        constant Matrix &matrix [[buffer(0)]],
        uint2 at [[thread_position_in_grid]])
    {
        if (at.x >= chroma.get_width() || at.y >= chroma.get_height()) return;
        int red = 0;
        int green = 0;
        int blue = 0;
        for (uint each = 0; each < 4; each++) {
            uint2 place = uint2(2 * at.x + each % 2, 2 * at.y + each / 2);
            float4 pixel = source.read(place);
            int r = level(pixel.x);
            int g = level(pixel.y);
            int b = level(pixel.z);
            int y = matrix.fromRGB[0] * r + matrix.fromRGB[1] * g + matrix.fromRGB[2] * b;
            luma.write(float4(unit(((y + (1 << (shift - 1))) >> shift) + matrix.black), 0.0f, 0.0f, 1.0f), place);
            red += r;
            green += g;
            blue += b;
        }
        int half_unit = 1 << (shift + 1);
        int cb = matrix.fromRGB[3] * red + matrix.fromRGB[4] * green + matrix.fromRGB[5] * blue;
        int cr = matrix.fromRGB[6] * red + matrix.fromRGB[7] * green + matrix.fromRGB[8] * blue;
        float4 pair = float4(unit(((cb + half_unit) >> (shift + 2)) + 128), unit(((cr + half_unit) >> (shift + 2)) + 128), 0.0f, 1.0f);
        chroma.write(pair, at);
    }
    """
