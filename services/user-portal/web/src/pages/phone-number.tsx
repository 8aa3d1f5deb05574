import { Alert, Button, TextField } from '@countersign/ui';
import {
  getCountries,
  getCountryCallingCode,
  parsePhoneNumberFromString,
  type CountryCode,
} from 'libphonenumber-js/min';
import { useId, useMemo, useState, type FormEvent } from 'react';
import { useHouse } from '../context.tsx';

/** The country that the language of the browser names, or a guess. */
function firstCountry(countries: readonly CountryCode[]): CountryCode {
  const regions = navigator.languages.map((tag) => new Intl.Locale(tag).maximize().region);
  return countries.find((country) => regions.includes(country)) ?? 'DE';
}

/** Takes a number as people write it, in the country that they choose, and says at once when there is none. */
export function PhoneNumber({ isBusy, onNumber }: { isBusy: boolean; onNumber: (phone: string) => void }) {
  const { say, language } = useHouse();
  const countryId = useId();
  const countries = useMemo(() => {
    const names = new Intl.DisplayNames(language, { type: 'region' });
    return getCountries()
      .map((country) => ({ country, name: names.of(country) ?? country }))
      .toSorted((a, b) => a.name.localeCompare(b.name, language));
  }, [language]);
  const [country, setCountry] = useState(() => firstCountry(getCountries()));
  const [number, setNumber] = useState('');
  const [isAgreed, setAgreed] = useState(false);
  const [wasTried, setTried] = useState(false);
  const parsed = parsePhoneNumberFromString(number, country);
  const phone = parsed?.isValid() === true ? parsed.number : undefined;

  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (phone !== undefined && isAgreed) onNumber(phone);
  };
  return (
    <form onSubmit={submit}>
      <div className="field">
        <label htmlFor={countryId}>{say('enrol.country')}</label>
        <select id={countryId} value={country} onChange={({ target }) => setCountry(target.value as CountryCode)}>
          {countries.map((one) => (
            <option key={one.country} value={one.country}>
              {`${one.name} (+${getCountryCallingCode(one.country)})`}
            </option>
          ))}
        </select>
      </div>
      <TextField
        label={say('enrol.number')}
        hint={say('enrol.numberHint')}
        name="phone"
        type="tel"
        inputMode="tel"
        autoComplete="tel-national"
        value={number}
        onChange={setNumber}
        problem={wasTried && phone === undefined ? say('enrol.numberWrong') : undefined}
        isRequired
      />
      <Alert tone="note">{say('enrol.phoneRisk')}</Alert>
      <label className="check">
        <input type="checkbox" checked={isAgreed} required onChange={({ target }) => setAgreed(target.checked)} />
        <span>{say('enrol.phoneAgree')}</span>
      </label>
      <Button kind="main" type="submit" isBusy={isBusy} isDisabled={!isAgreed}>
        {say('enrol.phoneSend')}
      </Button>
    </form>
  );
}
