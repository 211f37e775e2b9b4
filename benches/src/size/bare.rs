fn main() -> std::io::Result<()> {
    use std::io::{BufRead as _, Write as _};
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    let (mut line, mut out) = (Vec::new(), Vec::new());
    while input.read_until(b'\n', &mut line)? > 0 {
        answer_bare(&line, &mut out);
        output.write_all(&out)?;
        output.flush()?;
        line.clear();
        out.clear();
    }
    Ok(())
}
