// The community's totals for everybody, without personal data.
export default function Public() {
  return null;
}
